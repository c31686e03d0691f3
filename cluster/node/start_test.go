package node

import (
	"testing"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/spec"
)

// acting is an application that is not to be started.
type acting struct {
	app.Defaults
	started chan struct{}
}

func (a acting) Start(*app.Context, app.Start) error { close(a.started); return nil }

func soloConfig(t *testing.T, started chan struct{}) Config {
	t.Helper()
	s, err := spec.Parse([]byte(`
cluster: alone
members: {a1: {addr: "127.0.0.1:0"}}
applications: {app: {}}
groups: [{name: app, on: [a1], run: [app]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Name: "a1", Spec: s, Admin: "127.0.0.1:0", InMemory: true,
		Apps: app.Registry{"app": func() app.App { return acting{started: started} }},
	}
}
