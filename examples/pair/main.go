// Pair shows an A/B pair that fails over, end to end: three real processes on this machine and a judge that knows nothing
// about clusters.
//
//	driver --starts, kills, pauses, asks (admin API)--> a1 b1      one application, active on one of them
//	   |                                               w1         the witness: votes, runs nothing
//	   |                                               |
//	   +------- asks ----> observer <--UDP, 1 per ms---+          "I am active, epoch E"
//
// The application is in switch.go. The script is in script.go: what is done in each round and what must follow. The
// program exits with 0 only if every expectation held.
//
//	go run ./examples/pair -failover safe -rounds 5
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/gendac/gendac/examples/pair/observer"
)

const (
	exitOK    = 0
	exitRun   = 1 // an expectation did not hold, or something could not be run
	exitUsage = 2
)

func main() {
	// Linux kills our children when the thread that started them dies. The main thread lives as long as the process.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: the driver, or with a hidden first word one of the processes that the driver starts.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "member":
			return runMember(ctx, args[1:], stdin, stderr)
		case "observer":
			return runObserver(stdin, stdout, stderr)
		}
	}
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "pair: %v\n", err)
		return exitUsage
	}
	return drive(ctx, o, stdout, stderr)
}

// runObserver judges until stdin ends, which it also does when the driver dies.
func runObserver(stdin io.Reader, stdout, stderr io.Writer) int {
	signal.Ignore(os.Interrupt, syscall.SIGTERM) // the driver needs its last answer after a Ctrl-C, too
	if err := observer.Run("127.0.0.1:0", stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "pair: %v\n", err)
		return exitRun
	}
	return exitOK
}
