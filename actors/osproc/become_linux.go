package osproc

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// The guard's own arguments before "--": settings for the command; and, of the process that takes them on and becomes the
// command, the guard's process id and the settings.
const (
	argAs     = "--as"
	argBecome = "--become"
	becomeFD  = 3 // where it says why it could not
)

// become takes the settings on and turns into the command, in the process of the command. What it returns is the exit
// status if it cannot; why is then written to becomeFD.
func become(args []string) int {
	runtime.LockOSThread() // what ends us with our parent is bound to the thread that calls exec
	answer := os.NewFile(becomeFD, "answer")
	unix.CloseOnExec(becomeFD)
	fmt.Fprint(answer, tryBecome(args))
	return 2
}

// tryBecome returns only if it has failed.
func tryBecome(args []string) error {
	if len(args) < 4 || args[2] != "--" {
		return fmt.Errorf("the guard gave %q", args)
	}
	parent, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	var s settings
	if err := json.Unmarshal([]byte(args[1]), &s); err != nil {
		return err
	}
	command := args[3:]
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	env := os.Environ()
	if s.Umask != nil {
		unix.Umask(*s.Umask)
	}
	if err := s.limit(limits[:3]); err != nil {
		return err
	}
	if err := s.User.takeOn(); err != nil {
		return err
	}
	// A change of user undoes what ends us with our parent.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("prctl: %w", err)
	}
	if os.Getppid() != parent {
		return fmt.Errorf("the guard %d has ended", parent)
	}
	if err := s.limit(limits[3:]); err != nil { // last: after it this program itself may find no room
		return err
	}
	return fmt.Errorf("exec %s: %w", path, syscall.Exec(path, command, env))
}

// limits in the order in which they are set.
var limits = []struct {
	name string
	id   int
	of   func(Limits) *uint64
}{
	{"core", unix.RLIMIT_CORE, func(l Limits) *uint64 { return l.Core }},
	{"nproc", unix.RLIMIT_NPROC, func(l Limits) *uint64 { return l.NProc }},
	{"nofile", unix.RLIMIT_NOFILE, func(l Limits) *uint64 { return l.NoFile }},
	{"memory", unix.RLIMIT_AS, func(l Limits) *uint64 { return l.Memory }},
}

func (s settings) limit(which []struct {
	name string
	id   int
	of   func(Limits) *uint64
},
) error {
	for _, l := range which {
		want := l.of(s.Limits)
		if want == nil {
			continue
		}
		if err := syscall.Setrlimit(l.id, &syscall.Rlimit{Cur: *want, Max: *want}); err != nil {
			var has unix.Rlimit
			_ = unix.Getrlimit(l.id, &has)
			return fmt.Errorf("limit %s of %d: %w: the member itself may have %d", l.name, *want, err, has.Max)
		}
	}
	return nil
}

// takeOn makes the user's identity that of this process. Nobody who is that user already needs a right to it.
func (who *identity) takeOn() error {
	if who == nil || os.Getuid() == who.UID && os.Getgid() == who.GID && os.Geteuid() == who.UID {
		return nil
	}
	for _, step := range []func() error{
		func() error { return syscall.Setgroups(who.Groups) },
		func() error { return syscall.Setgid(who.GID) },
		func() error { return syscall.Setuid(who.UID) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("become user %d: %w: only a member that runs as root can", who.UID, err)
		}
	}
	return nil
}
