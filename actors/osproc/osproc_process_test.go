//go:build process && linux

package osproc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/actors/osproc"
	"github.com/gendac/gendac/behaviours/lease"
)

// TestMain is also the guard, and the member that the tests kill or pause.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "guard":
		os.Exit(osproc.GuardMain(os.Args[2:], os.Stdin))
	case len(os.Args) > 2 && os.Args[1] == "member":
		member(os.Args[2])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// leaseTime is far more than a renewal or the start of a process takes on a busy machine.
const leaseTime = time.Second

// member runs a process under a lease that it renews, until it is killed.
func member(script string) {
	var l lease.Lease
	term := l.Extend(time.Now(), time.Now().Add(leaseTime))
	ctx, _ := app.Enter(app.Entry{
		Role: app.Active, Epoch: 1, Lease: &l, Term: term,
		Logger: slog.New(slog.NewTextHandler(os.Stdout, nil)),
	})
	go func() {
		a := osproc.App(config(script))()
		if err := a.Start(ctx, app.Start{Role: app.Active, Epoch: 1}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}()
	for {
		l.Extend(time.Now(), time.Now().Add(leaseTime))
		time.Sleep(leaseTime / 8)
	}
}

func config(script string) osproc.Config {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return osproc.Config{
		Command: []string{"sh", "-c", script}, Guard: []string{self, "guard"},
		// A program under the race detector sleeps for a second before it exits; this one is also the guard.
		Env: map[string]string{"COLOUR": "blue", "GORACE": "atexit_sleep_ms=0"}, StopTimeout: 300 * time.Millisecond,
	}
}

// bench is one application in this process, under a lease of a minute, with its output lines.
type bench struct {
	app    app.App
	ctx    *app.Context
	leave  func()
	lease  *lease.Lease
	lines  chan string
	failed chan error
}

// put starts script in role active.
func put(t *testing.T, cfg osproc.Config, s app.Start) *bench {
	t.Helper()
	b := &bench{app: osproc.App(cfg)(), lease: &lease.Lease{}, lines: make(chan string, 1000), failed: make(chan error, 10)}
	term := b.lease.Extend(time.Now(), time.Now().Add(time.Minute))
	b.ctx, b.leave = app.Enter(app.Entry{
		Instance: "pair/daemon", Member: "b1", Role: s.Role, Epoch: s.Epoch, Lease: b.lease, Term: term,
		Logger: slog.New(&lines{to: b.lines}), Fail: func(err error) { b.failed <- err },
	})
	if err := b.app.Start(b.ctx, s); err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() {
		b.leave()
		if _, err := b.app.Stop(b.ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return b
}

// lines is a slog handler that keeps only what the process has written.
type lines struct {
	slog.Handler
	to chan<- string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "output" {
		r.Attrs(func(a slog.Attr) bool {
			l.to <- a.Value.String()
			return false
		})
	}
	return nil
}

func (b *bench) line(t *testing.T) string {
	t.Helper()
	return next(t, b.lines, "a line of output")
}

func next[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("no %s within 10s", what)
		panic("unreachable")
	}
}

// pids reads the process ids that a script printed on its first line.
func pids(t *testing.T, line string) []int {
	t.Helper()
	var ids []int
	for _, f := range strings.Fields(line) {
		id, err := strconv.Atoi(f)
		if err != nil {
			t.Fatalf("the process printed %q, want process ids", line)
		}
		ids = append(ids, id)
	}
	return ids
}

// alive says whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

func gone(t *testing.T, ids []int, within time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for _, id := range ids {
		for alive(id) {
			if time.Since(began) > within {
				t.Fatalf("process %d still runs after %v", id, within)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return time.Since(began)
}

// stubborn ignores SIGTERM, as does its child; it prints both ids.
const stubborn = `trap "" TERM; sleep 1000 & echo $$ $!; while :; do wait; sleep 0.05; done`

func TestEnvironmentIsAsPromised(t *testing.T) {
	script := `echo $GENDAC_START,$GENDAC_FROM,$GENDAC_EPOCH,$GENDAC_ROLE,$GENDAC_INSTANCE,$GENDAC_MEMBER,$COLOUR; pwd; echo oops >&2; exec sleep 1000`
	cfg := config(script)
	cfg.Dir = t.TempDir()
	b := put(t, cfg, app.Start{Kind: app.Failover, From: "a1", Role: app.Active, Epoch: 7})
	got := map[string]bool{b.line(t): true, b.line(t): true, b.line(t): true}
	for _, want := range []string{"failover,a1,7,active,pair/daemon,b1,blue", cfg.Dir, "oops"} {
		if !got[want] {
			t.Errorf("output %v lacks %q", got, want)
		}
	}
}

func TestTermIsHonoured(t *testing.T) {
	cfg := config(`exec 2>/dev/null; trap "echo bye; exit 0" TERM; echo $$; while :; do sleep 0.01; done`)
	cfg.StopTimeout = 5 * time.Second
	b := put(t, cfg, app.Start{Role: app.Active, Epoch: 1})
	ids := pids(t, b.line(t))
	b.leave()
	began := time.Now()
	if _, err := b.app.Stop(b.ctx); err != nil {
		t.Fatal(err)
	}
	if alive(ids[0]) {
		t.Error("the process runs after Stop")
	}
	if got := b.line(t); got != "bye" {
		t.Errorf("last line %q, want %q", got, "bye")
	}
	if took := time.Since(began); took >= cfg.StopTimeout {
		t.Errorf("Stop took %v: it waited for the timeout", took)
	}
	select {
	case err := <-b.failed:
		t.Errorf("an ordered stop was reported as a crash: %v", err)
	default:
	}
}

func TestIgnoredTermEndsInKillOfTheWholeGroup(t *testing.T) {
	b := put(t, config(stubborn), app.Start{Role: app.Active, Epoch: 1})
	ids := pids(t, b.line(t))
	if len(ids) != 2 || !alive(ids[0]) || !alive(ids[1]) {
		t.Fatalf("processes %v do not run", ids)
	}
	b.leave()
	began := time.Now()
	if _, err := b.app.Stop(b.ctx); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("Stop took %v: SIGKILL came before the timeout", took)
	}
	gone(t, ids, 0)
}

func TestAnEndByItselfIsACrashAndTakesTheGroupAlong(t *testing.T) {
	b := put(t, config(`sleep 1000 & echo $!; exit 3`), app.Start{Role: app.Active, Epoch: 1})
	ids := pids(t, b.line(t))
	var exit *osproc.ExitError
	if err := next(t, b.failed, "failure"); !errors.As(err, &exit) || exit.Status != "exit status 3" {
		t.Errorf("failure %v, want exit status 3", err)
	}
	gone(t, ids, 0)
}

func TestALeaseThatIsNotRenewedEndsTheGroup(t *testing.T) {
	b := &bench{app: osproc.App(config(stubborn))(), lease: &lease.Lease{}, lines: make(chan string, 10), failed: make(chan error, 1)}
	until := time.Now().Add(2 * leaseTime) // by when it must have begun and said who it is
	term := b.lease.Extend(time.Now(), until)
	b.ctx, b.leave = app.Enter(app.Entry{
		Role: app.Active, Lease: b.lease, Term: term,
		Logger: slog.New(&lines{to: b.lines}), Fail: func(err error) { b.failed <- err },
	})
	if err := b.app.Start(b.ctx, app.Start{Role: app.Active}); err != nil {
		t.Fatal(err)
	}
	ids := pids(t, b.line(t))
	_ = next(t, b.failed, "failure") // whatever it says, the group must be gone
	gone(t, ids, 0)
	t.Logf("gone %v after the end of the lease", time.Since(until))
	if time.Now().Before(until) {
		t.Error("killed before the lease ended")
	}
}

func TestAnEndedLeaseStartsNothing(t *testing.T) {
	var l lease.Lease
	ctx, leave := app.Enter(app.Entry{Role: app.Active, Lease: &l, Term: 1})
	defer leave()
	if err := osproc.App(config("echo"))().Start(ctx, app.Start{Role: app.Active}); err == nil {
		t.Error("Start succeeded without a lease")
	}
}

func TestAMissingProgramFailsTheStart(t *testing.T) {
	cfg := config("")
	cfg.Command = []string{"/no/such/program"}
	var l lease.Lease
	ctx, leave := app.Enter(app.Entry{Role: app.Active, Lease: &l, Term: l.Extend(time.Now(), time.Now().Add(time.Minute))})
	defer leave()
	if err := osproc.App(cfg)().Start(ctx, app.Start{Role: app.Active}); err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("Start gave %v, want an error that names the program", err)
	}
}

func TestStandbyRunsOnlyWhenAskedAndIsRestartedOnPromotion(t *testing.T) {
	cfg := config(`echo $GENDAC_ROLE $$; exec sleep 1000`)
	idle := put(t, cfg, app.Start{Role: app.Standby, Epoch: 1})
	cfg.RunStandby = true
	b := put(t, cfg, app.Start{Role: app.Standby, Epoch: 1})
	role, id, _ := strings.Cut(b.line(t), " ")
	if role != "standby" {
		t.Fatalf("role %q, want standby", role)
	}
	select {
	case line := <-idle.lines:
		t.Errorf("a process ran on a standby: %q", line)
	default:
	}
	was := b.leave
	b.ctx, b.leave = app.Enter(app.Entry{Role: app.Active, Epoch: 2, Lease: b.lease, Term: 1, Logger: b.ctx.Logger()})
	was()
	if err := b.app.Start(b.ctx, app.Start{Role: app.Active, Epoch: 2}); err != nil {
		t.Fatal(err)
	}
	gone(t, pids(t, id), 0)
	if role, _, _ := strings.Cut(b.line(t), " "); role != "active" {
		t.Errorf("role %q after the promotion, want active", role)
	}
}

// startMember runs a member process of its own and returns it with the ids its application printed.
func startMember(t *testing.T) (*exec.Cmd, []int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "member", stubborn)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	reap := func() { once.Do(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) }
	t.Cleanup(reap)
	text := bufio.NewReader(out)
	if line, err := text.ReadString('\n'); err != nil || !strings.Contains(line, `msg="process started" command=sh pid=`) {
		t.Fatalf("the member printed %q %v, want the process id of its application", line, err)
	}
	line, err := text.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out) //nolint:errcheck // ends with the member
	_, msg, found := strings.Cut(line, `line="`)
	if !found {
		t.Fatalf("the member printed %q", line)
	}
	msg, _, _ = strings.Cut(msg, `"`)
	return cmd, pids(t, msg)
}

func TestAKilledMemberTakesTheGroupAlongWithinASecond(t *testing.T) {
	cmd, ids := startMember(t)
	time.Sleep(3 * leaseTime)
	if !alive(ids[0]) || !alive(ids[1]) {
		t.Fatal("the process did not outlive its first lease: renewals do not arrive")
	}
	if err := cmd.Process.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	t.Logf("gone after %v", gone(t, ids, time.Second))
}

func TestAPausedMemberLosesTheGroupBeforeItGoesOn(t *testing.T) {
	cmd, ids := startMember(t)
	if err := cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Logf("gone after %v of a lease of %v", gone(t, ids, 5*leaseTime), leaseTime)
	if err := cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
