package process_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// ears are what an actor that traps exits hears: texts, and exits with their reasons.
type ears struct {
	pid *actor.PID
	mu  sync.Mutex
	all []string
}

func (e *ears) heard() []string {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

// trapping spawns an actor that traps exits and links itself to target, unless that is nil.
func trapping(system *actor.ActorSystem, target *actor.PID) *ears {
	e := &ears{}
	e.pid = system.Root.Spawn(act(func(ctx actor.Context, msg any) {
		switch msg := msg.(type) {
		case *actor.Started:
			process.TrapExit(ctx, true)
			if target != nil {
				process.Link(ctx, target)
			}
		case *wrapperspb.StringValue:
			e.note(msg.GetValue())
		case *process.Exited:
			e.note(fmt.Sprintf("%s ended: %v", msg.From.GetId(), msg.Reason))
		default:
			obey(ctx, msg)
		}
	}))
	synctest.Wait()
	return e
}

func (e *ears) note(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, what)
}

func named(t *testing.T, system *actor.ActorSystem, name string) *actor.PID {
	t.Helper()
	pid, err := system.Root.SpawnNamed(act(func(ctx actor.Context, msg any) { obey(ctx, msg) }), name)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// links is how many links an actor has.
func links(t *testing.T, system *actor.ActorSystem, pid *actor.PID) int {
	t.Helper()
	synctest.Wait()
	info, err := process.Inspect(t.Context(), system, pid)
	if err != nil {
		t.Error(err)
	}
	return info.Links
}

func isDead(system *actor.ActorSystem, pid *actor.PID) bool {
	synctest.Wait()
	_, there := system.ProcessRegistry.GetLocal(pid.GetId())
	return !there
}

func TestAnExitCrossesMembersAfterEverythingSentBefore(t *testing.T) {
	for name, c := range map[string]struct{ end, want any }{
		"normal":   {exitWith{nil}, process.ErrNormal.Error()},
		"shutdown": {exitWith{&process.ShutdownError{Why: errOurs}}, "process: shutdown: our own"},
		"error":    {exitWith{errOurs}, "our own"},
		"panic":    {panicWith{errOurs}, "process: panic: our own"},
	} {
		t.Run(name, func(t *testing.T) {
			runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
				target := named(t, b, "target")
				e := trapping(a, target)
				process.Inspect(t.Context(), b, target) //nolint:errcheck // only to see that it does no harm
				b.Root.Send(target, do(func(ctx actor.Context) {
					for i := range 100 {
						ctx.Send(actor.NewPID("a:1", e.pid.Id), text(fmt.Sprint(i)))
					}
					obey(ctx, c.end)
				}))
				time.Sleep(time.Hour)
				got := e.heard()
				if len(got) != 101 || got[0] != "0" || got[99] != "99" || got[100] != fmt.Sprintf("target ended: %v", c.want) {
					t.Errorf("heard %q", got)
				}
				if n := links(t, a, e.pid); n != 0 {
					t.Errorf("%d links are left", n)
				}
			})
		})
	}
}

func TestALinkAcrossMembersEndsEitherSideThatDoesNotTrapExits(t *testing.T) {
	for _, side := range []string{"maker", "target"} {
		for _, reason := range []error{errOurs, process.ErrNormal} {
			t.Run(fmt.Sprint(side, " ", reason), func(t *testing.T) {
				runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
					maker, target := named(t, a, "maker"), named(t, b, "target")
					a.Root.Send(maker, do(func(ctx actor.Context) { process.Link(ctx, target); process.Link(ctx, target) }))
					if n := links(t, b, target); n != 1 {
						t.Fatalf("the target has %d links", n)
					}
					downs := make(chan *process.Down, 1)
					first, dies, of := maker, b, target
					if side == "target" {
						first, dies, of = target, a, maker
					}
					dies.Root.Spawn(onDown(func(ctx actor.Context) { process.Monitor(ctx, of) }, downs))
					synctest.Wait()
					for _, system := range []*actor.ActorSystem{a, b} {
						if system != dies {
							system.Root.Send(first, exitWith{reason})
						}
					}
					synctest.Wait()
					if lives := reason == process.ErrNormal; lives != (len(downs) == 0) || lives == isDead(dies, of) {
						t.Fatalf("%d ends", len(downs))
					} else if lives {
						if n := links(t, dies, of); n != 0 {
							t.Errorf("%d links are left", n)
						}
						return
					}
					if down := <-downs; !errors.Is(down.Reason, errOurs) {
						t.Errorf("ended with %v", down.Reason)
					}
				})
			})
		}
	}
}

func TestALostMemberIsTheExitNodeDownAtBothEnds(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		there := trapping(b, nil)
		here := trapping(a, there.pid)
		dies := named(t, b, "dies")
		a.Root.Send(here.pid, do(func(ctx actor.Context) { process.Link(ctx, dies) }))
		synctest.Wait()
		w.sever("a:1", "b:1")
		time.Sleep(time.Second)
		w.mu.Lock()
		w.cut = false
		w.mu.Unlock()
		b.Root.Send(there.pid, exitWith{errOurs})
		time.Sleep(time.Hour)
		down := process.ErrNodeDown.Error()
		got := here.heard()
		slices.Sort(got)
		want := []string{there.pid.Id + " ended: " + down, "dies ended: " + down}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("here: heard %q, want %q", got, want)
		}
		if got := there.heard(); !slices.Equal(got, []string{here.pid.Id + " ended: " + down}) {
			t.Errorf("there: heard %q", got)
		}
		if !isDead(b, dies) {
			t.Error("one that does not trap exits lives on")
		}
	})
}

func TestALinkToNobodyOnAnotherMemberIsAnExitOfThatReason(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		for address, want := range map[string]error{"b:1": process.ErrNoProc, "c:1": process.ErrNodeDown} {
			e := trapping(a, actor.NewPID(address, "none"))
			if got := e.heard(); !slices.Equal(got, []string{"none ended: " + want.Error()}) {
				t.Errorf("%s: heard %q", address, got)
			}
			pid := named(t, a, "dies of "+address)
			a.Root.Send(pid, do(func(ctx actor.Context) { process.Link(ctx, actor.NewPID(address, "none")) }))
			if !isDead(a, pid) {
				t.Errorf("%s: one that does not trap exits lives on", address)
			}
		}
	})
}

func TestAPlainActorOnAnotherMemberCanBeLinkedTo(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		exits := make(chan *process.Exited, 2)
		plain := b.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if x, ok := ctx.Message().(*process.Exited); ok {
				exits <- x
			}
		}))
		e := trapping(a, plain)
		short := trapping(a, plain)
		a.Root.Send(short.pid, exitWith{errOurs})
		if x := <-exits; !errors.Is(x.Reason, errOurs) || x.From.Id != short.pid.Id || x.From.Address != "a:1" {
			t.Errorf("got %v from %v", x.Reason, x.From)
		}
		b.Root.Stop(plain)
		if got := e.heard(); !slices.Equal(got, []string{plain.Id + " ended: " + process.ErrUnknown.Error()}) {
			t.Errorf("heard %q", got)
		}
	})
}

func TestUnlinkAcrossMembersHoldsForBothEnds(t *testing.T) {
	for _, by := range []string{"maker", "target"} {
		t.Run(by, func(t *testing.T) {
			runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
				there := trapping(b, nil)
				here := trapping(a, there.pid)
				if by == "maker" {
					a.Root.Send(here.pid, do(func(ctx actor.Context) { process.Unlink(ctx, there.pid) }))
				} else {
					from := actor.NewPID("a:1", here.pid.Id)
					b.Root.Send(there.pid, do(func(ctx actor.Context) { process.Unlink(ctx, from) }))
				}
				if n := links(t, a, here.pid) + links(t, b, there.pid); n != 0 {
					t.Errorf("%d links are left", n)
				}
				b.Root.Send(there.pid, exitWith{errOurs})
				synctest.Wait()
				w.sever("a:1", "b:1")
				if got := append(here.heard(), there.heard()...); len(got) != 0 {
					t.Errorf("heard %q", got)
				}
			})
		})
	}
}

func TestNoExitFromAnotherMemberIsHandledAfterUnlink(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		target := named(t, b, "target")
		e := trapping(a, target)
		release := make(chan struct{})
		a.Root.Send(e.pid, do(func(ctx actor.Context) {
			<-release
			process.Unlink(ctx, target)
		}))
		b.Root.Send(target, exitWith{errOurs})
		synctest.Wait() // the exit waits in the mailbox
		close(release)
		if got := e.heard(); len(got) != 0 {
			t.Errorf("heard %q", got)
		}
	})
}

// TestTwoWhoLinkEachOtherAtOnceHaveOneLink makes both links before either side hears of the other's.
func TestTwoWhoLinkEachOtherAtOnceHaveOneLink(t *testing.T) {
	for _, how := range []string{"ends", "unlinks", "is lost"} {
		t.Run(how, func(t *testing.T) {
			runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
				here, there := trapping(a, nil), trapping(b, nil)
				far := actor.NewPID("a:1", here.pid.Id)
				w.mu.Lock() // nothing arrives
				w.busy["a:1"], w.busy["b:1"] = true, true
				w.mu.Unlock()
				a.Root.Send(here.pid, do(func(ctx actor.Context) { process.Link(ctx, there.pid) }))
				b.Root.Send(there.pid, do(func(ctx actor.Context) { process.Link(ctx, far) }))
				synctest.Wait()
				go w.drain("a:1")
				go w.drain("b:1")
				synctest.Wait()
				var want []string
				switch how {
				case "ends":
					b.Root.Send(there.pid, exitWith{errOurs})
					want = []string{there.pid.Id + " ended: our own"}
				case "unlinks":
					b.Root.Send(there.pid, do(func(ctx actor.Context) { process.Unlink(ctx, far) }))
					synctest.Wait()
					b.Root.Send(there.pid, exitWith{errOurs})
				case "is lost":
					w.sever("a:1", "b:1")
					want = []string{there.pid.Id + " ended: " + process.ErrNodeDown.Error()}
				}
				time.Sleep(time.Hour)
				if got := here.heard(); !slices.Equal(got, want) {
					t.Errorf("heard %q, want %q", got, want)
				}
				if n := links(t, a, here.pid); n != 0 {
					t.Errorf("%d links are left", n)
				}
			})
		})
	}
}

func TestAnExitFromAnotherMemberComesExactlyOnceWhateverIsLost(t *testing.T) {
	for _, what := range []string{"target", "our own", "a third", "two thirds", "the link and then its maker"} {
		for _, end := range []string{"maker", "target"} {
			t.Run(what+", "+end, func(t *testing.T) {
				runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
					there := trapping(b, nil)
					here := trapping(a, nil)
					n := 0
					switch what {
					case "target":
						w.dropping(3, there.pid.Id)
					case "our own":
						w.dropping(3, errOurs.Error())
					case "a third":
						w.lose = func([]byte) bool { n++; return n%3 == 0 }
					case "two thirds":
						w.lose = func([]byte) bool { n++; return n%3 != 0 }
					default:
						w.dropping(2, there.pid.Id)
					}
					a.Root.Send(here.pid, do(func(ctx actor.Context) { process.Link(ctx, there.pid) }))
					synctest.Wait()
					if !strings.HasPrefix(what, "the link") {
						time.Sleep(time.Minute)
					}
					ears, dead := there, here
					system := a
					if end == "target" {
						ears, dead, system = here, there, b
					}
					system.Root.Send(dead.pid, exitWith{errOurs})
					time.Sleep(time.Hour)
					want := dead.pid.Id + " ended: our own"
					if end == "target" && strings.HasPrefix(what, "the link") {
						want = dead.pid.Id + " ended: " + process.ErrNoProc.Error() // the link comes to one that has ended
					}
					if got := ears.heard(); !slices.Equal(got, []string{want}) {
						t.Errorf("heard %q, want %q", got, want)
					}
				})
			})
		}
	}
}

// TestALinkOfAFormerIncarnationIsNobodysLink lets frames about a's links arrive at the one that came after it.
func TestALinkOfAFormerIncarnationIsNobodysLink(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		target := named(t, b, "target")
		old := named(t, a, "same name")
		a.Root.Send(old, do(func(ctx actor.Context) { process.Link(ctx, target) }))
		synctest.Wait()
		again := newMember(w, "a:1") // without a Down, and so with what the old one was to be told
		heir := named(t, again, "same name")
		b.Root.Send(target, exitWith{errOurs})
		time.Sleep(time.Hour)
		if isDead(again, heir) {
			t.Error("it died of a link that it never had")
		}
	})
}
