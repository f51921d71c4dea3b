// The Dapr sidecar with only the components that Punctual's cluster uses: all of them would compile every cloud's SDK.
//
// Upstream's package of components panics by design where none of its build tags is set. The build puts an empty file
// in the place of the one that does, so that the rest of upstream's program runs unchanged.
package main

import (
	"github.com/dapr/components-contrib/pubsub/kafka"
	"github.com/dapr/components-contrib/secretstores/kubernetes"
	"github.com/dapr/components-contrib/secretstores/local/file"
	"github.com/dapr/components-contrib/state/postgresql/v2"
	"github.com/dapr/dapr/cmd/daprd/app"
	"github.com/dapr/dapr/pkg/components"
	nameresolution "github.com/dapr/dapr/pkg/components/nameresolution"
	pubsub "github.com/dapr/dapr/pkg/components/pubsub"
	secretstores "github.com/dapr/dapr/pkg/components/secretstores"
	state "github.com/dapr/dapr/pkg/components/state"
)

func main() {
	pubsub.DefaultRegistry.RegisterComponent(kafka.NewKafka, "kafka")
	// As upstream has it, a component that names no version means v1. That one isn't here, so it is an error.
	state.DefaultRegistry.RegisterComponentWithVersions("postgresql", components.Versioning{
		Preferred: components.VersionConstructor{Version: "v2", Constructor: postgresql.NewPostgreSQLStateStore},
		Default:   "v1",
	})
	secretstores.DefaultRegistry.RegisterComponent(file.NewLocalSecretStore, "local.file")
	secretstores.DefaultRegistry.RegisterComponent(kubernetes.NewKubernetesSecretStore, "kubernetes")
	nameresolution.DefaultRegistry.RegisterComponent(newNobody, "mdns")
	app.Run()
}
