// What Dapr's sidecar injector makes of a pod: reads a Pod (JSON) and prints it with the sidecar in it, or as it was where
// its annotations ask for none. The code is the injector's own; only the way in, its webhook, is left out.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	injector "github.com/dapr/dapr/pkg/injector/consts"
	"github.com/dapr/dapr/pkg/injector/patcher"
	corev1 "k8s.io/api/core/v1"
)

const (
	controlPlane  = "dapr-system"
	clusterDomain = "cluster.local"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	pod := &corev1.Pod{}
	if err := json.Unmarshal(text, pod); err != nil {
		return err
	}
	// As the injector's service does for a request, with the settings that k8s/README.md asks for.
	sidecar := patcher.NewSidecarConfig(pod)
	sidecar.GetInjectedComponentContainers = func(string, string) ([]corev1.Container, error) { return nil, nil }
	sidecar.Mode = injector.ModeKubernetes
	sidecar.Namespace = pod.Namespace
	sidecar.MTLSEnabled = true
	sidecar.Identity = pod.Namespace + ":" + pod.Spec.ServiceAccountName
	sidecar.ImagePullPolicy = corev1.PullIfNotPresent
	sidecar.OperatorAddress = patcher.ServiceAPI.Address(controlPlane, clusterDomain)
	sidecar.SentryAddress = patcher.ServiceSentry.Address(controlPlane, clusterDomain)
	sidecar.RunAsNonRoot = true
	sidecar.ReadOnlyRootFilesystem = true
	sidecar.SidecarDropALLCapabilities = true
	sidecar.ControlPlaneNamespace = controlPlane
	sidecar.ControlPlaneTrustDomain = clusterDomain
	sidecar.KubeClusterDomain = clusterDomain
	sidecar.SentrySPIFFEID = "spiffe://" + clusterDomain + "/ns/" + controlPlane + "/dapr-sentry"
	sidecar.CurrentTrustAnchors = []byte("the control plane's")
	sidecar.SchedulerEnabled = true
	sidecar.PlacementAddress = patcher.ServicePlacement.Address(controlPlane, clusterDomain)
	sidecar.SidecarImage = "ghcr.io/dapr/daprd:1.18.2"
	sidecar.SetFromPodAnnotations()
	patch, err := sidecar.GetPatch()
	if err != nil {
		return err
	}
	if patch != nil {
		if text, err = patch.Apply(text); err != nil {
			return err
		}
	}
	_, err = os.Stdout.Write(text)
	return err
}
