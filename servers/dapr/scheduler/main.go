// The Dapr scheduler, unchanged: it keeps the jobs and calls them at their time.
package main

import "github.com/dapr/dapr/cmd/scheduler/app"

func main() {
	app.Run()
}
