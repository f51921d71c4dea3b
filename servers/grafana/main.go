// Reads dashboards as strictly as Grafana's own schema allows: an unknown or missing field of a panel, a target, a variable is
// an error.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "which dashboards?")
		os.Exit(2)
	}
	plugins.RegisterDefaultPlugins()
	for _, path := range os.Args[1:] {
		text, err := os.ReadFile(path)
		if err == nil {
			var read dashboard.Dashboard
			if err = read.UnmarshalJSONStrict(text); err == nil {
				err = read.Validate()
			}
		}
		// The SDK answers with an empty list of errors where all is well.
		if err != nil && err.Error() != "" {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			os.Exit(1)
		}
	}
}
