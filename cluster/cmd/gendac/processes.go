package main

import (
	"fmt"
	"os"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/actors/osproc"
	"github.com/gendac/gendac/cluster/spec"
)

// guardWord is the hidden subcommand that watches over one application process and ends it when the member dies.
const guardWord = "guard"

// processes makes an application of every command in the specification. An application without one is an error.
func processes(s *spec.Spec) (app.Registry, error) {
	if err := s.Registered(func(string) bool { return false }); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("node: own executable: %w", err)
	}
	apps := app.Registry{}
	for name, a := range s.Applications {
		apps[name] = osproc.App(osproc.Config{
			Command: a.Command, Dir: a.Dir, Env: a.Env, EnvFrom: a.EnvFrom, User: a.User, Umask: umask(a), Limits: limits(a.Limits),
			StopTimeout: a.StopTimeout.Std(), Guard: []string{self, guardWord},
		})
	}
	return apps, nil
}

func umask(a spec.Application) *int {
	if bits, ok := a.Umask.Bits(); ok {
		return &bits
	}
	return nil
}

func limits(l *spec.Limits) osproc.Limits {
	if l == nil {
		return osproc.Limits{}
	}
	return osproc.Limits{NoFile: amount(l.NoFile), NProc: amount(l.NProc), Memory: amount(l.Memory), Core: amount(l.Core)}
}

func amount[T int | spec.Size](n *T) *uint64 {
	if n == nil {
		return nil
	}
	return new(uint64(*n))
}

// guard runs the hidden subcommand, if that is what args ask for. It is not a cobra command: its arguments belong to
// somebody else and must not be parsed.
func guard(args []string) (status int, ok bool) {
	if len(args) == 0 || args[0] != guardWord {
		return 0, false
	}
	return osproc.GuardMain(args[1:], os.Stdin), true
}
