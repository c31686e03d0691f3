//go:build process && linux

package osproc_test

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/actors/osproc"
	"github.com/gendac/gendac/behaviours/lease"
)

func TestOnlyWhatIsNamedIsInherited(t *testing.T) {
	t.Setenv("SECRET", "hidden")
	t.Setenv("LC_TIME", "C")
	t.Setenv("WANTED", "yes")
	t.Setenv("TZ", "UTC")
	cfg := config(`echo secret=$SECRET wanted=$WANTED lc=$LC_TIME tz=$TZ path=${PATH:+set} colour=$COLOUR; exec sleep 1000`)
	if got, want := put(t, cfg, app.Start{Role: app.Active, Epoch: 1}).line(t), "secret= wanted= lc= tz=UTC path=set colour=blue"; got != want {
		t.Errorf("by default: %q, want %q", got, want)
	}
	cfg.EnvFrom = []string{"WANTED", "LC_*"}
	if got, want := put(t, cfg, app.Start{Role: app.Active, Epoch: 1}).line(t), "secret= wanted=yes lc=C tz=UTC path=set colour=blue"; got != want {
		t.Errorf("named: %q, want %q", got, want)
	}
	cfg.EnvFrom = []string{"*"}
	if got := put(t, cfg, app.Start{Role: app.Active, Epoch: 1}).line(t); !strings.Contains(got, "secret=hidden") {
		t.Errorf("all: %q, want the secret", got)
	}
}

func TestLimitsAndUmaskHoldForTheCommand(t *testing.T) {
	cfg := config(`echo $(umask) $(ulimit -n) $(ulimit -Hn) $(ulimit -v) $(ulimit -Hv) $(ulimit -c) $$; exec sleep 1000`)
	mask, files, memory, core := 0o027, uint64(123), uint64(512<<20), uint64(0)
	cfg.Umask, cfg.Limits = &mask, osproc.Limits{NoFile: &files, Memory: &memory, Core: &core}
	b := put(t, cfg, app.Start{Role: app.Active, Epoch: 1})
	got := strings.Fields(b.line(t))
	if want := "0027 123 123 524288 524288 0"; strings.Join(got[:6], " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var of unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &of); err != nil || of.Cur == memory {
		t.Errorf("the limit is the member's own now: %v %v", of, err)
	}
	b.leave()
	if _, err := b.app.Stop(b.ctx); err != nil {
		t.Fatal(err)
	}
	gone(t, pids(t, got[6]), 0)
}

// asRoot skips tests that change the user where that is not possible.
func asRoot(t *testing.T) *user.User {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	return nobody
}

func TestACommandRunsAsItsUser(t *testing.T) {
	nobody := asRoot(t)
	t.Setenv("HOME", "/root")
	for _, name := range []string{"nobody", nobody.Uid} {
		cfg := config(`echo $(id -u) $(id -g) $(id -G) $HOME $USER $LOGNAME $$; exec sleep 1000`)
		procs := uint64(500)
		cfg.User, cfg.Limits.NProc = name, &procs
		b := put(t, cfg, app.Start{Role: app.Active, Epoch: 1})
		got := strings.Fields(b.line(t))
		want := []string{nobody.Uid, nobody.Gid, nobody.Gid, nobody.HomeDir, "nobody", "nobody"}
		if len(got) != 7 || strings.Join(got[:6], " ") != strings.Join(want, " ") {
			t.Errorf("user %s: %q, want %q and the process id", name, got, want)
		}
		b.leave()
		if _, err := b.app.Stop(b.ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// A change of user undoes the kernel's promise to end a process with its parent; it must be asked for again.
func TestACommandOfAnotherUserEndsWithItsGuard(t *testing.T) {
	asRoot(t)
	cfg := config(`echo $$ $PPID; trap "" TERM; while :; do sleep 0.05; done`)
	cfg.User = "nobody"
	b := put(t, cfg, app.Start{Role: app.Active, Epoch: 1})
	ids := pids(t, b.line(t))
	if err := unix.Kill(ids[1], unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = next(t, b.failed, "failure")
	gone(t, ids, time.Second)
}

// refused starts cfg and returns why that failed.
func refused(t *testing.T, cfg osproc.Config) string {
	t.Helper()
	var l lease.Lease
	ctx, leave := app.Enter(app.Entry{Role: app.Active, Lease: &l, Term: l.Extend(time.Now(), time.Now().Add(time.Minute))})
	defer leave()
	a := osproc.App(cfg)()
	err := a.Start(ctx, app.Start{Role: app.Active})
	if err == nil {
		_, _ = a.Stop(ctx)
		t.Fatal("it was started")
	}
	return err.Error()
}

func TestWhatCannotBeTakenOnIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mask, many := 0o022, uint64(1)<<40
	for want, change := range map[string]func(*osproc.Config){
		"working directory /no/such/directory cannot": func(c *osproc.Config) { c.Dir = "/no/such/directory" },
		"working directory " + file + " is no dir":    func(c *osproc.Config) { c.Dir = file },
		`User: "no-such-user": user: unknown user`:    func(c *osproc.Config) { c.User = "no-such-user" },
		"/no/such/program":                            func(c *osproc.Config) { c.Command, c.Umask = []string{"/no/such/program"}, &mask },
		"limit nofile of 1099511627776":               func(c *osproc.Config) { c.Limits.NoFile = &many },
	} {
		cfg := config("exec sleep 1000")
		change(&cfg)
		if got := refused(t, cfg); !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%q, want one line with %q", got, want)
		}
	}
}

// Members are often stopped by name. The guard must live on, to stop the command in order.
func TestTheGuardHasAnotherNameThanItsMember(t *testing.T) {
	b := put(t, config(`echo $PPID; exec sleep 1000`), app.Start{Role: app.Active, Epoch: 1})
	guard := pids(t, b.line(t))[0]
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(self)
	in := func(file string) string {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(guard) + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if comm := in("comm"); comm != "osproc-guard\n" {
		t.Errorf("the guard's name is %q", comm)
	}
	if line := in("cmdline"); strings.Contains(line, name) || !strings.HasPrefix(line, "osproc-guard\x00") {
		t.Errorf("the guard's command line is %q", line)
	}
	for _, args := range [][]string{{"-f", name}, {name[:min(len(name), 15)]}} {
		out, _ := exec.Command("pgrep", args...).Output() // exit status 1: nobody
		if strings.Contains("\n"+string(out), "\n"+strconv.Itoa(guard)+"\n") {
			t.Errorf("pgrep %q finds the guard", args)
		}
	}
}
