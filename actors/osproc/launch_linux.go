package osproc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gendac/gendac/actors/app"
)

const (
	guardAnswer = 5 * time.Second        // how long the guard may take to start the command
	killGrace   = 500 * time.Millisecond // how long a killed group may take to be gone
	tail        = 250 * time.Millisecond // how long output is read on after the end
)

// A child is a running guard and its command.
type child struct {
	name    string
	cmd     *exec.Cmd
	pid     atomic.Int64 // of the command, and of its group; zero before it has started
	mu      sync.Mutex   // one line at a time
	control *os.File
	ended   chan struct{} // closed when the guard has been reaped and the group is gone
	stopped chan struct{} // closed when stop has begun
	told    chan struct{} // closed when its start has been logged, or has failed: what it writes comes after that
	once    sync.Once
}

// launch starts the command under a guard. The command runs when launch returns nil.
func launch(ctx *app.Context, cfg Config, become settings, env []string) (*child, error) {
	if _, err := firstDeadline(ctx); err != nil {
		return nil, err
	}
	argv := slices.Clone(cfg.Guard[1:])
	if !become.none() {
		argv = append(argv, argAs, become.String())
	}
	argv = append(append(argv, "--"), cfg.Command...)
	c := &child{name: cfg.Command[0], cmd: exec.Command(cfg.Guard[0], argv...), ended: make(chan struct{}), stopped: make(chan struct{}), told: make(chan struct{})}
	c.cmd.Args[0] = guardTitle
	c.cmd.Dir, c.cmd.Env = cfg.Dir, env
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a signal to the member's group is not for the guard
	status, err := c.spawn(ctx.Logger())
	if err != nil {
		return nil, fmt.Errorf("osproc: guard of %s: %w", c.name, err)
	}
	go c.wait(ctx)
	defer status.Close()
	if err := c.begin(ctx, status); err != nil {
		close(c.told)
		close(c.stopped)
		c.control.Close() // ends the guard, and with it the command
		<-c.ended
		return nil, err
	}
	ctx.Logger().Info("process started", slog.String("command", c.name), slog.Int64("pid", c.pid.Load()), slog.Int("guard", c.cmd.Process.Pid))
	close(c.told)
	if ctx.Role() == app.Active {
		go c.renew(ctx, cfg.stopTimeout(ctx))
	}
	return c, nil
}

// firstDeadline is the line that lets the command start: no deadline for a standby, the end of the lease for an active.
func firstDeadline(ctx *app.Context) (string, error) {
	if ctx.Role() == app.Standby {
		return lineUntil + " 0", nil
	}
	line, ok := deadline(ctx.NoticeSuspend, ctx.ActiveUntil)
	if !ok {
		return "", errors.New("osproc: the lease has ended: nothing was started")
	}
	return line, nil
}

// deadline asks for the end of the lease after it has read the clock, so that a pause or a suspend in between shortens it.
// A suspend from before ends the lease.
func deadline(noticeSuspend func(), until func() time.Time) (string, bool) {
	now := sinceBoot()
	noticeSuspend()
	end := until()
	if end.IsZero() {
		return "", false
	}
	left := time.Until(end)
	return fmt.Sprintf("%s %d", lineUntil, now+left.Nanoseconds()), left > 0
}

// spawn starts the guard with its pipes and returns the one it answers on.
func (c *child) spawn(log *slog.Logger) (status *os.File, err error) {
	var pipes [4][2]*os.File // stdin, stdout, stderr, status
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		pipes[i] = [2]*os.File{r, w}
	}
	stdin, stdout, stderr, answer := pipes[0], pipes[1], pipes[2], pipes[3]
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = stdin[0], stdout[1], stderr[1]
	c.cmd.ExtraFiles = []*os.File{answer[1]} // becomes statusFD
	err = c.cmd.Start()
	for _, f := range []*os.File{stdin[0], stdout[1], stderr[1], answer[1]} {
		f.Close()
	}
	if err != nil {
		for _, f := range []*os.File{stdin[1], stdout[0], stderr[0], answer[0]} {
			f.Close()
		}
		return nil, err
	}
	c.control = stdin[1]
	go c.log(stdout[0], log.With(slog.String("stream", "stdout")))
	go c.log(stderr[0], log.With(slog.String("stream", "stderr")))
	return answer[0], nil
}

// begin waits until the guard is up, lets the command start and reads what became of it.
func (c *child) begin(ctx *app.Context, status *os.File) error {
	_ = status.SetReadDeadline(time.Now().Add(guardAnswer))
	answers := bufio.NewReader(status)
	switch line, err := answers.ReadString('\n'); {
	case err != nil:
		return fmt.Errorf("osproc: guard of %s did not get ready: %w", c.name, err)
	case line != "ready\n":
		return fmt.Errorf("osproc: guard of %s answered %q, want ready: is Guard right?", c.name, line)
	}
	limit, err := firstDeadline(ctx) // now, because a guard takes some milliseconds to start
	if err != nil {
		return err
	}
	if err := c.tell(limit); err != nil {
		return fmt.Errorf("osproc: guard of %s: %w", c.name, err)
	}
	line, err := answers.ReadString('\n')
	if err != nil {
		return fmt.Errorf("osproc: guard of %s gave no answer: %w", c.name, err)
	}
	if why, failed := strings.CutPrefix(line, "failed "); failed {
		return fmt.Errorf("osproc: start %s: %s", c.name, strings.TrimSpace(why))
	}
	var pid int64
	if _, err := fmt.Sscanf(line, "started %d", &pid); err != nil || pid <= 1 {
		return fmt.Errorf("osproc: guard of %s answered %q", c.name, line)
	}
	c.pid.Store(pid)
	return nil
}

func (c *child) tell(line string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := io.WriteString(c.control, line+"\n")
	return err
}

// renew passes the end of the lease on, each third of what is left. After the role was left it goes on for as long as
// the stop may take, but never beyond the lease.
func (c *child) renew(ctx *app.Context, stopTimeout time.Duration) {
	left := ctx.Done()
	var giveUp <-chan time.Time
	for {
		var until time.Time
		held := func() time.Time { until = ctx.HeldUntil(); return until }
		if line, ok := deadline(ctx.NoticeSuspend, held); !ok || c.tell(line) != nil {
			return // the guard ends it at the deadline it has
		}
		select {
		case <-time.After(max(time.Until(until)/3, time.Millisecond)):
		case <-left:
			left, giveUp = nil, time.After(stopTimeout+killGrace)
		case <-giveUp:
			return
		case <-c.ended:
			return
		}
	}
}

// wait reaps the guard. An end that nobody asked for is a crash of the instance.
func (c *child) wait(ctx *app.Context) {
	err := c.cmd.Wait()
	for began := time.Now(); c.killGroup() && time.Since(began) < killGrace; { // if the guard itself was killed
		time.Sleep(time.Millisecond)
	}
	close(c.ended)
	select {
	case <-c.stopped:
	default:
		status := "exit status 0"
		if err != nil {
			status = err.Error()
		}
		ctx.Fail(&ExitError{Command: c.name, Status: status})
	}
	c.control.Close()
}

// killGroup sends SIGKILL to the command's group and says whether there was one.
func (c *child) killGroup() bool {
	pid := int(c.pid.Load())
	return pid > 1 && !errors.Is(unix.Kill(-pid, unix.SIGKILL), unix.ESRCH)
}

// stop ends the command: SIGTERM, after the timeout SIGKILL. A nil result means that the group is gone.
func (c *child) stop(timeout time.Duration) error {
	c.once.Do(func() { close(c.stopped) })
	for _, try := range []struct {
		line string
		wait time.Duration
	}{{lineTerm, timeout}, {lineKill, killGrace}} {
		_ = c.tell(try.line) // fails when the guard has ended already
		select {
		case <-c.ended:
			return nil
		case <-time.After(try.wait):
		}
	}
	c.killGroup()
	_ = c.cmd.Process.Kill()
	select {
	case <-c.ended:
		return nil
	case <-time.After(killGrace):
		return fmt.Errorf("osproc: %s (process group %d) does not go away after SIGKILL", c.name, c.pid.Load())
	}
}

// log passes output on line by line. It ends shortly after the command even if somebody else holds the pipe.
func (c *child) log(r *os.File, log *slog.Logger) {
	defer r.Close()
	go func() {
		<-c.ended
		_ = r.SetReadDeadline(time.Now().Add(tail))
	}()
	<-c.told
	in := bufio.NewReaderSize(r, 64<<10)
	out := newThrottle(log, time.Now())
	defer out.close()
	for {
		line, _, err := in.ReadLine() // a longer line comes in pieces
		if len(line) > 0 {
			out.line(time.Now(), string(line))
		}
		if err != nil {
			return
		}
	}
}
