// Command check is the one test command of this repository: it builds the tools it needs and runs every check, in order.
//
//	go run ./bench/cmd/check                  everything; stops at the first step that fails
//	go run ./bench/cmd/check -only lint,test  only these steps
//	go run ./bench/cmd/check -install         only build the tools, into .tools/
//	go run ./bench/cmd/check -list            name the steps
//
// It needs Go and git. With CI=true everything it would otherwise skip, for want of a C compiler or of protoc, fails.
// The exit status is 0 when every step held, 1 when one did not, 2 for a wrong command line.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A step is one check. It prints what it found and returns nil when the repository passes.
type step struct {
	name string
	what string
	run  func(r *runner) error
}

var steps = []step{
	{"install", "build the tools that are missing", (*runner).install},
	{"format", "every file is formatted", (*runner).format},
	{"vet", "go vet", (*runner).vet},
	{"platforms", "everything builds for the platforms of the README, and with its tests for 32 bits", (*runner).platforms},
	{"lint", "the linters of .golangci.yml", (*runner).lint},
	{"generated", "generated files are current", (*runner).generated},
	{"test", "every test, under the race detector; random splits, 1,000 seeds without it", (*runner).test},
	{"fuzz", "every fuzz target, some thousand runs each", (*runner).fuzz},
	{"examples", "every program builds, the examples hold what they promise", (*runner).examples},
	{"process", "tests that need real processes, whole members over sockets or a real Consul", (*runner).process},
}

// A runner is where the steps find what they share.
type runner struct {
	root     string // top of the repository
	ci       bool   // nothing may be skipped
	out      io.Writer
	fuzzTime string // as go test takes it
}

func main() { os.Exit(run(os.Args[1:], os.Stdout)) }

func run(args []string, out io.Writer) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(out)
	install := flags.Bool("install", false, "only build the tools, into .tools/")
	only := flags.String("only", "", "run only these `steps`, separated by commas")
	list := flags.Bool("list", false, "name the steps and exit")
	fuzzTime := flags.String("fuzztime", "2000x", "how often (2000x) or how long (1m) each fuzz target runs; with a time, Go may take its own deadline for a failure")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(out, "check: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	if *install {
		*only = "install"
	}
	chosen, err := choose(*only)
	if err != nil {
		fmt.Fprintln(out, err)
		return 2
	}
	if *list {
		for _, s := range chosen {
			fmt.Fprintf(out, "%-10s %s\n", s.name, s.what)
		}
		return 0
	}
	root, err := findRoot()
	if err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	r := &runner{root: root, ci: os.Getenv("CI") == "true", out: out, fuzzTime: *fuzzTime}
	return r.runAll(chosen)
}

// choose returns the named steps in their own order, or all for an empty list.
func choose(only string) ([]step, error) {
	if only == "" {
		return steps, nil
	}
	names := strings.Split(only, ",")
	for _, name := range names {
		if !slices.ContainsFunc(steps, func(s step) bool { return s.name == name }) {
			return nil, fmt.Errorf("check: unknown step %q; -list names them", name)
		}
	}
	var chosen []step
	for _, s := range steps {
		if slices.Contains(names, s.name) {
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}

func findRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	mod := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("check: go env GOMOD: %w", err)
	}
	if mod == "" || mod == os.DevNull {
		return "", errors.New("check: run it inside the repository")
	}
	return filepath.Dir(mod), nil
}

func (r *runner) runAll(chosen []step) int {
	began := time.Now()
	for _, s := range chosen {
		fmt.Fprintf(r.out, "\n== %s: %s\n", s.name, s.what)
		start := time.Now()
		err := s.run(r)
		took := time.Since(start).Round(100 * time.Millisecond)
		if err != nil {
			fmt.Fprintf(r.out, "== %s: FAILED after %v: %v\n   only this step: go run ./bench/cmd/check -only %s\n", s.name, took, err, s.name)
			return 1
		}
		fmt.Fprintf(r.out, "== %s: ok, %v\n", s.name, took)
	}
	fmt.Fprintf(r.out, "\n== all %d steps held, %v\n", len(chosen), time.Since(began).Round(time.Second))
	return 0
}

// skip says why a step does less than it should. In CI that is a failure.
func (r *runner) skip(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if r.ci {
		return errors.New(text)
	}
	fmt.Fprintf(r.out, "   !! %s\n", text)
	return nil
}

// do runs a command at the top of the repository and shows its output as it comes.
func (r *runner) do(name string, args ...string) error {
	fmt.Fprintf(r.out, "   $ %s %s\n", filepath.Base(name), strings.Join(args, " "))
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.root, r.out, r.out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return nil
}

// read runs a command at the top of the repository and returns what it printed.
func (r *runner) read(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = r.root, &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out), nil
}

func (r *runner) path(elem ...string) string {
	return filepath.Join(append([]string{r.root}, elem...)...)
}
