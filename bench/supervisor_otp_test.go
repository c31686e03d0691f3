package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// erlang is an Erlang node that does what lines tell it: testdata/otp_supervisor.erl.
type erlang struct {
	b      *testing.B
	in     io.WriteCloser
	answer *bufio.Reader
}

// startErlang skips the benchmark where there is no Erlang.
func startErlang(b *testing.B) *erlang {
	b.Helper()
	if _, err := exec.LookPath("erlc"); err != nil {
		b.Skip("needs Erlang (Debian: erlang-base)")
	}
	dir := b.TempDir()
	compile := exec.CommandContext(b.Context(), "erlc", "-o", dir, filepath.Join("testdata", "otp_supervisor.erl"))
	if out, err := compile.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	node := exec.CommandContext(b.Context(), "erl", "-noshell", "-pa", dir, "-s", "otp_supervisor", "main")
	node.Stderr = os.Stderr
	in, err := node.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := node.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close() // it ends with its input
		_ = node.Wait()
	})
	return &erlang{b, in, bufio.NewReaderSize(out, 1<<16)}
}

func (e *erlang) run(what string, n int) []float64 {
	e.b.Helper()
	if _, err := fmt.Fprintln(e.in, what, n); err != nil {
		e.b.Fatal(err)
	}
	line, err := e.answer.ReadString('\n')
	if err != nil {
		e.b.Fatal(err)
	}
	var times []float64
	for _, field := range strings.Fields(line) {
		ns, err := strconv.ParseFloat(field, 64)
		if err != nil {
			e.b.Fatal(err)
		}
		times = append(times, ns)
	}
	return times
}

// besideOTP lets both take turns of a thousand, so that whatever else the machine does meets both alike, and reports the
// medians of all single times and the median of the turns' ratios.
func besideOTP(b *testing.B, what string, ours func(n int) []float64) {
	b.Helper()
	const turn = 1000
	otp := startErlang(b)
	var mine, theirs, ratios []float64
	for b.Loop() {
		m, t := ours(turn), otp.run(what, turn)
		ratios = append(ratios, median(m)/median(t))
		mine, theirs = append(mine, m...), append(theirs, t...)
	}
	b.ReportMetric(median(mine)/1000, "us/ours")
	b.ReportMetric(median(theirs)/1000, "us/otp")
	b.ReportMetric(median(ratios), "ours/otp")
	b.ReportMetric(mean(mine)/1000, "mean-us/ours")
	b.ReportMetric(mean(theirs)/1000, "mean-us/otp")
	b.ReportMetric(0, "ns/op")
}

func mean(all []float64) (sum float64) {
	for _, v := range all {
		sum += v / float64(len(all))
	}
	return sum
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// announcer is a gen_server that tells when it starts, and crashes when it is told to.
type announcer struct {
	genserver.Defaults
	up chan<- born
}

type born struct {
	pid *actor.PID
	at  time.Time
}

var errCrash = errors.New("crash")

func (a *announcer) Init(ctx *genserver.Context) error {
	if a.up != nil {
		a.up <- born{ctx.Self(), time.Now()}
	}
	return nil
}

func (a *announcer) HandleCast(_ *genserver.Context, how any) genserver.Return {
	if how == "panic" {
		panic(errCrash)
	}
	return genserver.Stop(errCrash)
}

func announcing(up chan<- born) *actor.Props {
	return genserver.Props(func() genserver.Server { return &announcer{up: up} })
}

// BenchmarkStartOneBesideOTP is the start of one child of a simple_one_for_one, from the command to its answer.
func BenchmarkStartOneBesideOTP(b *testing.B) {
	system, ctx := quiet(), patient(b)
	besideOTP(b, "start", func(n int) []float64 {
		sup := startSupervisor(b, system, supervisor.Spec{
			Strategy: supervisor.SimpleOneForOne,
			Children: []supervisor.Child{{ID: "w", Props: announcing(nil), Restart: supervisor.Temporary}},
		})
		times := make([]float64, n)
		for i := range times {
			begin := time.Now()
			if _, err := supervisor.StartOne(ctx, system, sup, nil); err != nil {
				b.Fatal(err)
			}
			times[i] = float64(time.Since(begin).Nanoseconds())
		}
		_ = system.Root.StopFuture(sup).Wait()
		return times
	})
}

// BenchmarkSpawnBesideOTP is the least that protoactor needs for the same: a bare actor is told to spawn one, and that one
// answers as it starts.
func BenchmarkSpawnBesideOTP(b *testing.B) {
	system := quiet()
	besideOTP(b, "start", func(n int) []float64 {
		begun := make(chan struct{}, 1)
		child := actor.PropsFromProducer(func() actor.Actor { return &idleActor{begun} })
		parent := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(int); ok {
				ctx.Spawn(child)
			}
		}))
		times := make([]float64, n)
		for i := range times {
			begin := time.Now()
			system.Root.Send(parent, i)
			<-begun
			times[i] = float64(time.Since(begin).Nanoseconds())
		}
		_ = system.Root.StopFuture(parent).Wait()
		return times
	})
}

// BenchmarkCrashToInitBesideOTP is the time from the cast that makes a child crash to the Init of its successor.
func BenchmarkCrashToInitBesideOTP(b *testing.B) {
	for _, how := range []string{"exit", "panic"} {
		b.Run(how, func(b *testing.B) { crashesBesideOTP(b, how) })
	}
}

func crashesBesideOTP(b *testing.B, how string) {
	system := quiet()
	besideOTP(b, how, func(n int) []float64 {
		up := make(chan born, 1)
		sup := startSupervisor(b, system, supervisor.Spec{
			MaxRestarts: 1 << 30, Period: time.Millisecond,
			Children: []supervisor.Child{{ID: "w", Props: announcing(up)}},
		})
		next := <-up
		times := make([]float64, n)
		for i := range times {
			begin := time.Now()
			genserver.Cast(system.Root, next.pid, how)
			next = <-up
			times[i] = float64(next.at.Sub(begin).Nanoseconds())
		}
		_ = system.Root.StopFuture(sup).Wait()
		return times
	})
}
