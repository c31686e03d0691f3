package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gendac/gendac/cluster/member/consul/consultest"
)

// A tool is a program that the checks need. Each has a module of its own under bench/tools, so that what it depends on
// never mixes with what gendac depends on.
type tool struct {
	name   string
	module string
	pkg    string
}

var tools = []tool{
	{"golangci-lint", "bench/tools/lint", "github.com/golangci/golangci-lint/v2/cmd/golangci-lint"},
	{"consul", "bench/tools/consul", "github.com/hashicorp/consul"},
}

// install builds the tools that are missing, or older than the go.mod that pins them.
func (r *runner) install() error {
	for _, t := range tools {
		binary := r.path(".tools", t.name)
		if current(binary, r.path(t.module, "go.mod")) {
			fmt.Fprintf(r.out, "   %s is built\n", t.name)
			continue
		}
		fmt.Fprintf(r.out, "   building %s; this can take some minutes, once\n", t.name)
		if err := r.do("go", "build", "-C", r.path(t.module), "-o", binary, t.pkg); err != nil {
			return err
		}
	}
	return nil
}

func current(binary, mod string) bool {
	b, err := os.Stat(binary)
	if err != nil {
		return false
	}
	m, err := os.Stat(mod)
	return err == nil && !b.ModTime().Before(m.ModTime())
}

func (r *runner) format() error { return r.do(r.path(".tools", "golangci-lint"), "fmt", "--diff") }

func (r *runner) vet() error {
	if err := r.do("go", "vet", "./..."); err != nil {
		return err
	}
	return r.do("go", "vet", "-tags", "process", "./...")
}

// A platform is one that the README calls supported. With tests, go vet compiles these too.
type platform struct {
	system, arch string
	tests        bool
}

// Linux on arm stands for machines of 32 bits: what overflows there does not compile.
var platforms = []platform{
	{"linux", "amd64", false},
	{"linux", "arm64", false},
	{"darwin", "amd64", false},
	{"darwin", "arm64", false},
	{"linux", "arm", true},
}

func (r *runner) platforms() error {
	for _, p := range platforms {
		what := []string{"build", "./..."}
		if p.tests {
			what = []string{"vet", "./..."}
		}
		fmt.Fprintf(r.out, "   $ GOOS=%s GOARCH=%s go %s\n", p.system, p.arch, strings.Join(what, " "))
		cmd := exec.Command("go", what...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = r.root, r.out, r.out
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.system, "GOARCH="+p.arch)
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s/%s: %w", p.system, p.arch, err)
		}
	}
	return nil
}

func (r *runner) lint() error { return r.do(r.path(".tools", "golangci-lint"), "run", "./...") }

// generated runs every generator and fails when a file came out different. The new file is left in place.
func (r *runner) generated() error {
	if _, err := exec.LookPath("protoc"); err != nil {
		return r.skip("protoc is missing, generated files were not compared; Debian has it as protobuf-compiler")
	}
	before, err := r.generatedFiles()
	if err != nil {
		return err
	}
	if err := r.do("go", "generate", "./..."); err != nil {
		return err
	}
	after, err := r.generatedFiles()
	if err != nil {
		return err
	}
	if changed := differing(before, after); len(changed) > 0 {
		return fmt.Errorf("not what their source says; they are current now, look at them and commit: %s", strings.Join(changed, " "))
	}
	fmt.Fprintf(r.out, "   %d generated files are current\n", len(after))
	return nil
}

// generatedFiles returns the contents of the Go files that a generator wrote, by path, but for the generator's version.
func (r *runner) generatedFiles() (map[string][]byte, error) {
	mark := regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
	compiler := regexp.MustCompile(`(?m)^// .*protoc.*$`)
	files := map[string][]byte{}
	err := r.walk(func(p string) error {
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(r.path(p))
		if err == nil && mark.Match(text) {
			files[p] = compiler.ReplaceAll(text, nil) // another release of protoc is no other source
		}
		return err
	})
	return files, err
}

// walk calls visit with every file of the main module, by its path from the top.
func (r *runner) walk(visit func(path string) error) error {
	return filepath.WalkDir(r.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && p != r.root
		if d.IsDir() && (hidden || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || hidden {
			return nil
		}
		rel, err := filepath.Rel(r.root, p)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(rel))
	})
}

func differing(before, after map[string][]byte) []string {
	all := maps.Clone(before)
	maps.Copy(all, after)
	var names []string
	for name := range all {
		was, had := before[name]
		is, has := after[name]
		if had != has || !bytes.Equal(was, is) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// race returns -race, or nothing and a warning where the race detector cannot be built.
func (r *runner) race() ([]string, error) {
	cc, err := r.read("go", "env", "CC")
	if err != nil {
		return nil, err
	}
	compiler := strings.Fields(cc)
	if len(compiler) > 0 {
		if _, err := exec.LookPath(compiler[0]); err == nil {
			return []string{"-race"}, nil
		}
	}
	return nil, r.skip("NO RACE DETECTOR: it needs a C compiler (%s). Debian: apt-get install gcc libc6-dev", strings.TrimSpace(cc))
}

func (r *runner) test() error {
	race, err := r.race()
	if err != nil {
		return err
	}
	if err := r.do("go", slices.Concat([]string{"test"}, race, []string{"./..."})...); err != nil {
		return err
	}
	// One goroutine each, so the race detector, which makes them ten times slower, would find nothing here.
	return r.do("go", "test", "-run", "^TestRandomSplits", "./behaviours/genleader", "-seeds", "1000")
}

// A fuzzTarget is one Fuzz function.
type fuzzTarget struct{ pkg, name string }

func (r *runner) fuzz() error {
	out, err := r.read("go", "test", "-list", "^Fuzz", "./...")
	if err != nil {
		return err
	}
	targets := parseFuzzList(out)
	if len(targets) == 0 {
		return errors.New("no fuzz target found; every decoder should have one")
	}
	for _, t := range targets {
		if err := r.do("go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", r.fuzzTime, t.pkg); err != nil {
			return err
		}
	}
	return nil
}

// parseFuzzList reads what go test -list prints: the names of a package, then a line "ok <package> <time>".
func parseFuzzList(out string) []fuzzTarget {
	var targets []fuzzTarget
	var names []string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			names = append(names, fields[0])
		case len(fields) >= 2 && fields[0] == "ok":
			for _, name := range names {
				targets = append(targets, fuzzTarget{fields[1], name})
			}
			names = nil
		}
	}
	return targets
}

func (r *runner) examples() error {
	if err := r.do("go", "build", "./..."); err != nil {
		return err
	}
	if _, err := os.Stat(r.path("examples", "pair", "main.go")); err != nil {
		return fmt.Errorf("examples/pair: %w", err)
	}
	for _, failover := range []string{"fast", "safe"} {
		if err := r.do("go", "run", "./examples/pair", "-rounds", "2", "-failover", failover); err != nil {
			return err
		}
	}
	if err := r.do("go", "run", "./examples/dictionary"); err != nil {
		return err
	}
	binary, err := consultest.Find()
	if err != nil {
		return r.skip("%v", err)
	}
	agent, err := consultest.Launch(binary)
	if err != nil {
		return err
	}
	defer agent.Stop()
	return r.do("go", "run", "./examples/pair", "-rounds", "1", "-discovery", "consul", "-consul", agent.Addr())
}

// process runs the packages that have tests behind the build tag "process". Such tests measure real time, so packages
// run one after the other.
func (r *runner) process() error {
	packages := map[string]bool{}
	err := r.walk(func(p string) error {
		if strings.HasSuffix(p, "_process_test.go") {
			packages["./"+path.Dir(p)] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		return errors.New("no *_process_test.go found")
	}
	race, err := r.race()
	if err != nil {
		return err
	}
	args := slices.Concat([]string{"test"}, race, []string{"-count=1", "-p=1", "-tags", "process"}, slices.Sorted(maps.Keys(packages)))
	return r.do("go", args...)
}
