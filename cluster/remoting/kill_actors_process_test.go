//go:build process

package remoting

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
)

// ear is an actor of ours that monitors target and is linked to it, and what it hears: numbers, "down" and "exit".
type ear struct {
	pid *actor.PID
	mu  sync.Mutex
	all []string
}

func listen(n *node, target *actor.PID, traps bool) *ear {
	e := &ear{}
	e.pid = n.system.Root.Spawn(process.Props(func(ctx actor.Context) process.Machine[int, string, string] {
		process.TrapExit(ctx, traps)
		process.Monitor(ctx, target)
		if traps {
			process.Link(ctx, target)
		}
		return process.Machine[int, string, string]{
			Lift: func(ctx actor.Context) (string, bool) {
				switch msg := ctx.Message().(type) {
				case *wrapperspb.StringValue:
					return msg.GetValue(), true
				case *process.Down:
					return fmt.Sprintf("down %v", msg.Reason), true
				case *process.Exited:
					return fmt.Sprintf("exit %v", msg.Reason), true
				}
				return "", false
			},
			Step: func(s int, ev string) (int, []string) { return s, []string{ev} },
			Perform: func(_ actor.Context, s string) {
				e.mu.Lock()
				defer e.mu.Unlock()
				e.all = append(e.all, s)
			},
		}
	}))
	return e
}

func (e *ear) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

// callInFlight makes a call that waits for an hour, and is under way when it returns.
func callInFlight(t *testing.T, a *node, server *actor.PID) <-chan error {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		_, err := process.Call[any](ctx, a.system, server, wrapperspb.String("wait"))
		failed <- err
	}()
	awaitInfo(t, a, server, func(i process.Info) bool { return i.Handled >= 2 }) // the link, and the call
	return failed
}

// TestKillEndsCallsMonitorsAndLinksOnceAndLast kills a process in the middle of what it says to us.
func TestKillEndsCallsMonitorsAndLinksOnceAndLast(t *testing.T) {
	for range 3 {
		killInMidStream(t)
	}
}

func killInMidStream(t *testing.T) {
	t.Helper()
	a := startNode(t, Config{Name: "a"})
	a.Open()
	b, addr := spawn(t, "b", "127.0.0.1:0", a)
	a.SetPeers(map[string]string{"b": addr})
	a.await(t, "up b")
	server := actor.NewPID(addr, "server")
	e, mortal := listen(a, server, true), listen(a, server, false)
	a.system.Root.Send(server, wrapperspb.String("link "+mortal.pid.GetId()))
	failed := callInFlight(t, a, server)
	awaitInfo(t, a, server, func(i process.Info) bool { return i.MonitoredBy == 2 && i.Links == 2 })
	a.system.Root.Send(server, wrapperspb.String("stream "+e.pid.GetId()))
	eventually(t, "numbers come", func() bool { return len(e.heard()) > 1000 })

	start := time.Now()
	if err := b.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, process.ErrNodeDown) {
		t.Errorf("the call got %v", err)
	}
	took := time.Since(start)
	a.await(t, "down b refused=true bye=false")
	t.Logf("kill -9 to the call's ErrNodeDown: %v, until LinkDown was seen: %v", took, time.Since(start))
	down := process.ErrNodeDown.Error()
	eventually(t, "down and exit", func() bool {
		all := e.heard()
		return slices.Contains(all, "down "+down) && slices.Contains(all, "exit "+down)
	})
	eventually(t, "the end of one that does not trap exits", func() bool {
		_, err := process.Inspect(within(t), a.system, mortal.pid)
		return errors.Is(err, process.ErrNoProc)
	})
	_ = b.Wait()

	// Whatever is to come will have come when a successor at the same address has been talked to.
	spawn(t, "b", addr, a)
	a.awaitCount(t, "up b", 2)
	if _, err := process.Call[any](within(t), a.system, server, wrapperspb.String("hello")); err != nil {
		t.Error(err)
	}
	if info, err := process.Inspect(within(t), a.system, server); err != nil || info.MonitoredBy+info.Links != 0 {
		t.Errorf("the successor begins with %+v, %v", info, err)
	}
	onceAndLast(t, e.heard(), down)
}

// TestAMultiCallSurvivesTheKillOfOneOfItsMembers: the others' replies come, and the killed one's error does.
func TestAMultiCallSurvivesTheKillOfOneOfItsMembers(t *testing.T) {
	a := startNode(t, Config{Name: "a"})
	a.Open()
	peers := map[string]string{}
	members := map[string]*exec.Cmd{}
	var servers []*actor.PID
	for _, name := range []string{"b", "c", "d"} {
		members[name], peers[name] = spawn(t, name, "127.0.0.1:0", a)
		servers = append(servers, actor.NewPID(peers[name], "server"))
	}
	a.SetPeers(peers)
	for name := range peers {
		a.await(t, "up "+name)
	}
	replies := make(chan []genserver.MultiReply[*wrapperspb.StringValue])
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		replies <- genserver.MultiCall[*wrapperspb.StringValue](ctx, a.system, servers, wrapperspb.String("held"))
	}()
	for _, server := range servers {
		awaitInfo(t, a, server, func(i process.Info) bool { return i.Handled == 1 })
	}
	if err := members["c"].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	a.await(t, "down c refused=true bye=false")
	for _, i := range []int{0, 2} {
		a.system.Root.Send(servers[i], wrapperspb.String("release"))
	}
	for i, r := range <-replies {
		if i == 1 && !errors.Is(r.Err, process.ErrNodeDown) || i != 1 && (r.Err != nil || r.Reply.GetValue() != "released") {
			t.Errorf("%v: got %v, %v", r.Who, r.Reply, r.Err)
		}
	}
}

// onceAndLast wants numbers without a gap, and then one Down and one Exited.
func onceAndLast(t *testing.T, all []string, reason string) {
	t.Helper()
	n := len(all) - 2
	for i, got := range all[:n] {
		if got != strconv.Itoa(i) {
			t.Fatalf("at %d of %d: %q", i, n, got)
		}
	}
	last := slices.Sorted(slices.Values(all[n:]))
	if !slices.Equal(last, []string{"down " + reason, "exit " + reason}) {
		t.Errorf("at the end %q", last)
	}
}
