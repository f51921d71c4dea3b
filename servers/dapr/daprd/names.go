package main

import (
	"context"
	"errors"

	"github.com/dapr/components-contrib/nameresolution"
	"github.com/dapr/kit/logger"
)

// Stands where standalone mode expects mDNS. Punctual's sidecars never call each other, and multicast doesn't work on
// every machine (loopback alone, containers), so names are neither announced nor found.
type nobody struct{}

func newNobody(logger.Logger) nameresolution.Resolver {
	return nobody{}
}

func (nobody) Init(context.Context, nameresolution.Metadata) error {
	return nil
}

func (nobody) ResolveID(context.Context, nameresolution.ResolveRequest) (string, error) {
	return "", errors.New("this sidecar calls no other one")
}

func (nobody) Close() error {
	return nil
}
