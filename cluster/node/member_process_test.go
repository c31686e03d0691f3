//go:build process && linux

package node_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/spec"
)

// memberVariable makes this test binary a member. It holds a memberConfig.
const memberVariable = "GENDAC_NODE_TEST_MEMBER"

const statusEvery = 10 * time.Millisecond

// A memberConfig is what a test tells a member that it starts as a process.
type memberConfig struct {
	Name, Bind, Advertise string
	Judge                 string // UDP address for acts
	Spec                  string // text
	Data                  string // directory; empty: in memory
	Stubborn              bool   // its application ignores every order, and acts while its lease holds, as a fenced OS process would
}

// A word is one line on a member's stdin.
const (
	wordSwitchover = "switchover"
	wordStore      = "store" // KEY VALUE; an acknowledgement is written to the log
	wordShow       = "show"  // KEY; what this member has is written to the log
)

// init, because a member must not run under the test main, which waits for tests and looks for leaks.
func init() {
	if text := os.Getenv(memberVariable); text != "" {
		os.Exit(runMember(text))
	}
}

// runMember is a whole process: it says what it knows on stdout, a status a line, until SIGTERM or until the member ends.
func runMember(text string) int {
	n, err := startMember(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go obey(n)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	out := json.NewEncoder(os.Stdout)
	for tick := time.NewTicker(statusEvery); ; {
		select {
		case <-tick.C:
			if err := out.Encode(n.Status()); err != nil {
				return 1 // the test is gone
			}
		case <-n.Done():
			fmt.Fprintln(os.Stderr, n.Err())
			return 1
		case <-stop:
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := n.Stop(ctx, node.Force()); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			return 0
		}
	}
}

func startMember(text string) (*node.Node, error) {
	var c memberConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return nil, err
	}
	s, err := spec.Parse([]byte(c.Spec))
	if err != nil {
		return nil, err
	}
	return node.Start(node.Config{
		Name: c.Name, Bind: c.Bind, Advertise: c.Advertise, Spec: s, DataDir: c.Data, InMemory: c.Data == "",
		Apps:   app.Registry{"switch": func() app.App { return &actor{judge: c.Judge, stubborn: c.Stubborn} }},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
}

// obey does what each line says. A refusal is for the test to see: nothing changes.
func obey(n *node.Node) {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		key, value, _ := strings.Cut(rest, " ")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		switch word {
		case wordSwitchover:
			fmt.Fprintln(os.Stderr, "switchover:", n.Switchover(ctx, "pair"))
		case wordStore:
			if _, err := n.Dict().Store(ctx, key, []byte(value)); err == nil {
				fmt.Fprintf(os.Stderr, "acknowledged %s=%s\n", key, value)
			}
		case wordShow:
			found, _ := n.Dict().Find(key)
			fmt.Fprintf(os.Stderr, "shown %s=%s\n", key, found.Value)
		}
		cancel()
	}
}

// An actor acts every millisecond while it may. It asks right before each act, as every application should.
type actor struct {
	app.Defaults
	judge    string
	stubborn bool
	done     chan struct{} // closed when act has ended
}

func (a *actor) Start(ctx *app.Context, s app.Start) error {
	a.done = make(chan struct{})
	if s.Role != app.Active {
		close(a.done)
		return nil
	}
	ctx.Logger().Info("takes over", slog.String("start", s.String()), slog.String("left", string(s.Handover)))
	conn, err := net.Dial("udp", a.judge)
	if err != nil {
		close(a.done)
		return err
	}
	go a.act(ctx, s, conn)
	return nil
}

func (a *actor) act(ctx *app.Context, s app.Start, conn net.Conn) {
	defer close(a.done)
	defer func() { _ = conn.Close() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for out := json.NewEncoder(conn); ctx.Err() == nil || a.stubborn; <-tick.C {
		left := time.Until(ctx.ActiveUntil()) // before the question: the lease may have been extended since, not shortened
		if a.stubborn {
			left = time.Until(ctx.HeldUntil())
		}
		if a.stubborn && left <= 0 || !a.stubborn && !ctx.Active() {
			continue
		}
		at := now()
		_ = out.Encode(act{
			Member: ctx.Member(), PID: os.Getpid(), Epoch: s.Epoch, Start: s.String(), At: at, Until: at + left,
		}) // the judge takes silence for what it is
	}
}

func (a *actor) Stop(ctx *app.Context) ([]byte, error) {
	<-a.done // after Stop nothing acts any more
	return fmt.Appendf(nil, "%s-%d", ctx.Member(), ctx.Epoch()), nil
}

// now is the machine's clock, the same for all processes and in all network namespaces.
func now() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // every Linux has it
	}
	return time.Duration(t.Nano())
}
