package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFuzzTargetsAreFoundInTheirPackages(t *testing.T) {
	out := "ok  \texample.com/a\t0.01s\nFuzzOne\nFuzzTwo\nok  \texample.com/b\t0.02s\n?   \texample.com/c\t[no test files]\nFuzzX\nok  \texample.com/d\t0.1s\n"
	want := []fuzzTarget{{"example.com/b", "FuzzOne"}, {"example.com/b", "FuzzTwo"}, {"example.com/d", "FuzzX"}}
	if got := parseFuzzList(out); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestChosenStepsKeepTheirOrder(t *testing.T) {
	chosen, err := choose("test,vet")
	if err != nil || len(chosen) != 2 || chosen[0].name != "vet" || chosen[1].name != "test" {
		t.Fatalf("got %v, %v; want vet, then test", chosen, err)
	}
	if all, err := choose(""); err != nil || len(all) != len(steps) {
		t.Fatalf("an empty choice gives %d steps, %v", len(all), err)
	}
}

func TestAWrongCommandLineIsStatus2AndSaysWhy(t *testing.T) {
	for _, args := range [][]string{{"-only", "tset"}, {"-nosuch"}, {"stray"}} {
		var out bytes.Buffer
		if status := run(args, &out); status != 2 || !strings.Contains(out.String(), strings.TrimLeft(args[len(args)-1], "-")) {
			t.Errorf("check %v: status %d, output %q", args, status, out.String())
		}
	}
}

func TestTheFirstFailingStepEndsTheRunAndSaysHowToRepeatIt(t *testing.T) {
	var out bytes.Buffer
	ran := 0
	count := func(err error) func(*runner) error { return func(*runner) error { ran++; return err } }
	r := &runner{out: &out}
	status := r.runAll([]step{{"one", "", count(nil)}, {"two", "", count(errors.New("broken"))}, {"three", "", count(nil)}})
	if status != 1 || ran != 2 {
		t.Fatalf("status %d after %d steps, want 1 after 2", status, ran)
	}
	for _, want := range []string{"== one: ok", "== two: FAILED", "broken", "-only two"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
}

func TestWhatMayBeSkippedAtHomeFailsInCI(t *testing.T) {
	var out bytes.Buffer
	if err := (&runner{out: &out}).skip("no %s", "protoc"); err != nil || !strings.Contains(out.String(), "!! no protoc") {
		t.Fatalf("at home: %v, %q", err, out.String())
	}
	if err := (&runner{out: &out, ci: true}).skip("no %s", "protoc"); err == nil {
		t.Fatal("CI skipped it too")
	}
}

func TestAToolOlderThanItsPinIsBuiltAgain(t *testing.T) {
	dir := t.TempDir()
	binary, mod := filepath.Join(dir, "tool"), filepath.Join(dir, "go.mod")
	now := time.Now()
	touch := func(path string, at time.Time) {
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	touch(mod, now)
	if current(binary, mod) {
		t.Error("a missing binary is current")
	}
	touch(binary, now.Add(time.Second))
	if !current(binary, mod) {
		t.Error("a newer binary is not current")
	}
	touch(mod, now.Add(time.Minute))
	if current(binary, mod) {
		t.Error("a binary older than its go.mod is current")
	}
}

func TestAChangedNewOrVanishedFileDiffers(t *testing.T) {
	before := map[string][]byte{"same": []byte("1"), "changed": []byte("1"), "vanished": nil}
	after := map[string][]byte{"same": []byte("1"), "changed": []byte("2"), "new": nil}
	if got, want := differing(before, after), []string{"changed", "new", "vanished"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestTheReadmeNamesThePlatformsThatAreBuiltFor(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range platforms {
		if name := p.system + "/" + p.arch; !p.tests && !strings.Contains(string(text), name) {
			t.Errorf("the README does not name %s", name)
		}
	}
}
