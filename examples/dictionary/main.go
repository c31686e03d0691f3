// Dictionary shows that the shared dictionary loses nothing it has acknowledged: three real processes on this machine write
// to it, the one that leads is killed with SIGKILL, the others go on, and then everything that was acknowledged is counted.
//
//	driver --starts, kills--> a1 b1 c1   each writes, and says which writes were acknowledged
//	   |                          |
//	   +--reads (admin API)-------+
//
// The members are in member.go. The program exits with 0 only if nothing is missing.
//
//	go run ./examples/dictionary
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	writeFor = time.Second      // before the kill, and again after it
	patience = 20 * time.Second // for whatever should happen soon
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 4 && os.Args[1] == "member" {
		exit(runMember(os.Args[2], os.Args[3], os.Stdin, os.Stdout))
	}
	exit(run(ctx, os.Stdout))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "dictionary: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run tells the story.
func run(ctx context.Context, out io.Writer) error {
	begin := time.Now()
	say := func(format string, args ...any) {
		fmt.Fprintf(out, "%6.2f s  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	}
	l := newLedger()
	members, err := startMembers(l)
	defer members.kill()
	if err != nil {
		return err
	}
	say("a1, b1 and c1 start: three processes, one dictionary in their memory")

	leader, err := members.leader(ctx, "")
	if err != nil {
		return err
	}
	say("%s leads; all three write, each one write after the other", leader)
	if err := l.writing(ctx, 3); err != nil {
		return err
	}
	before := l.counts()
	say("%d writes are acknowledged (%s)", before.acknowledged, before.by)

	l.killed(leader)
	members.killOne(leader)
	say("kill -9 %s", leader)
	next, err := members.leader(ctx, leader)
	if err != nil {
		return err
	}
	say("%s leads", next)
	if err := l.writing(ctx, 2); err != nil {
		return err
	}
	members.stopWriting()
	after := l.counts()
	say("%d more are acknowledged; the longest time without one was %s", after.acknowledged-before.acknowledged, after.pause.Round(time.Millisecond))

	found, err := members.find(ctx, next)
	if err != nil {
		return err
	}
	return l.verdict(found, say)
}
