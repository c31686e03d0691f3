package osproc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The lines a member writes to its guard: until N (nanoseconds of CLOCK_BOOTTIME, zero means no deadline), term, kill.
// The guard answers on statusFD: ready, when it is up, and after the first line started PID, or failed and why.
const (
	lineUntil = "until"
	lineTerm  = "term"
	lineKill  = "kill"
	statusFD  = 3
)

const (
	guardTitle   = "osproc-guard" // at most 15 bytes, and not like the name of any program that has guards
	becomeWithin = 3 * time.Second
	lookAgain    = 100 * time.Millisecond // a timer of the guard stands still while the machine is suspended
)

// killed is the exit status of a guard that killed the group because of the pipe or the deadline.
const killed = 128 + int(unix.SIGKILL)

// sinceBoot returns the machine's CLOCK_BOOTTIME in nanoseconds: the monotonic clock that goes on during a suspend.
func sinceBoot() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("osproc: no clock that counts suspends: " + err.Error())
	}
	return ts.Nano()
}

// GuardMain is the whole guard process: it runs the command in args (an initial "--" is skipped) as the lines on stdin
// say, and returns the status to exit with, which is the command's own (128+signal when a signal ended it), 137 when the
// guard killed it, 2 when it could not be started. When it returns, the command's process group is gone. It takes over
// the signals and children of the process it runs in. An end of stdin kills the group.
func GuardMain(args []string, stdin io.Reader) int {
	if len(args) > 0 && args[0] == argBecome {
		return become(args[1:])
	}
	runtime.LockOSThread() // Pdeathsig is bound to the thread that starts the command
	// A signal to all processes of the member's name must not reach both.
	_ = os.WriteFile("/proc/self/comm", []byte(guardTitle), 0)
	status := os.NewFile(statusFD, "status")
	defer status.Close()
	unix.CloseOnExec(statusFD)
	own := os.Args[1:max(1, len(os.Args)-len(args))]
	var as string
	if len(args) > 1 && args[0] == argAs {
		as, args = args[1], args[2:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(status, "failed no command")
		return 2
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	signal.Ignore(unix.SIGHUP, unix.SIGPIPE)
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // orphans of the command are ours to reap

	g := &guard{now: sinceBoot, lines: make(chan string), signals: signals, exits: make(chan int, 1)}
	go g.read(stdin)
	fmt.Fprintln(status, "ready")
	first, ok := <-g.lines
	if !ok || !strings.HasPrefix(first, lineUntil) || !g.obey(first) || g.late() {
		fmt.Fprintln(status, "failed no time left to run")
		return killed
	}
	if err := g.start(args, as, own); err != nil {
		fmt.Fprintln(status, "failed", err)
		return 2
	}
	fmt.Fprintln(status, "started", g.pid)
	code := g.watch()
	g.clear()
	return code
}

// guard is the state of the guard's one loop.
type guard struct {
	now     func() int64
	lines   chan string // closed when the member is gone
	signals chan os.Signal
	exits   chan int // the command's exit status
	pid     int      // of the command, and of its group
	until   int64    // kill at this instant; zero means never
}

func (g *guard) read(stdin io.Reader) {
	defer close(g.lines)
	for in := bufio.NewScanner(stdin); in.Scan(); {
		g.lines <- in.Text()
	}
}

func (g *guard) late() bool { return g.until != 0 && g.now() >= g.until }

// start runs the command. If it is to run as something else than the guard, a process of this program becomes it.
func (g *guard) start(command []string, as string, own []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	var answer, answered *os.File
	if as != "" {
		args := slices.Concat(own, []string{argBecome, strconv.Itoa(os.Getpid()), as, "--"}, command)
		cmd.Path, cmd.Err, cmd.Args = "/proc/self/exe", nil, append([]string{guardTitle}, args...)
		var err error
		if answered, answer, err = os.Pipe(); err != nil {
			return err
		}
		defer answered.Close()
		cmd.ExtraFiles = []*os.File{answer} // becomes becomeFD
	}
	err := cmd.Start()
	if answer != nil {
		answer.Close()
	}
	if err != nil {
		return err
	}
	g.pid = cmd.Process.Pid
	go g.reap()
	if answered == nil {
		return nil
	}
	// It says nothing and the pipe closes when it has become the command.
	_ = answered.SetReadDeadline(time.Now().Add(becomeWithin))
	why, err := io.ReadAll(answered)
	if err == nil && len(why) == 0 {
		return nil
	}
	g.clear()
	if err != nil {
		return fmt.Errorf("no answer from the process that should become %s: %w", command[0], err)
	}
	return errors.New(string(why))
}

// reap collects every child, also adopted ones, for as long as there are any.
func (g *guard) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECHILD):
			return
		case err != nil:
			g.exits <- killed
			return
		case pid == g.pid && status.Signaled():
			g.exits <- 128 + int(status.Signal())
		case pid == g.pid && status.Exited():
			g.exits <- status.ExitStatus()
		}
	}
}

// watch returns when the command has ended, or has to.
func (g *guard) watch() int {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if g.late() {
			return killed
		}
		var deadline <-chan time.Time
		if g.until != 0 {
			timer.Reset(min(time.Duration(g.until-g.now()), lookAgain))
			deadline = timer.C
		}
		select {
		case code := <-g.exits:
			return code
		case line, ok := <-g.lines:
			if !ok || !g.obey(line) {
				return killed
			}
		case <-g.signals:
			g.signal(unix.SIGTERM)
		case <-deadline:
		}
	}
}

// obey carries out one line and says whether the command may go on running. What it does not understand ends it.
func (g *guard) obey(line string) bool {
	word, arg, _ := strings.Cut(line, " ")
	switch word {
	case lineUntil:
		until, err := strconv.ParseInt(arg, 10, 64)
		g.until = until
		return err == nil && until >= 0
	case lineTerm:
		g.signal(unix.SIGTERM)
		return true
	}
	return false // lineKill, and anything unknown
}

// signal goes to the group of the command, if it was started.
func (g *guard) signal(s unix.Signal) {
	if g.pid > 1 {
		_ = unix.Kill(-g.pid, s)
	}
}

// clear kills what is left of the group and returns when it is gone, or after a bound that only an uninterruptible
// process exceeds; the member is then told by an exit status like any other, and its own wait for the group goes on.
func (g *guard) clear() {
	for range 1000 {
		if err := unix.Kill(-g.pid, unix.SIGKILL); errors.Is(err, unix.ESRCH) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
