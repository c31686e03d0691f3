// Package osproc runs an operating system process as an application.
//
//	member process                       guard process                     the command
//	App.Start --- spawns ------------->  waits for a first deadline
//	          --- until T -------------> starts, in a group of its own --> runs
//	          --- until T+.. ----------> (each third of the lease)
//	App.Stop  --- term --------------->  SIGTERM to the group -----------> ends
//	          <-- exit status ---------  reaps, kills what is left of the group
//
// A process cannot be asked to check Context.Active before it acts, and it outlives a parent that is killed or paused. So
// a guard stands between: it holds a pipe from the member. If the pipe closes (the member died) or no later deadline came
// in time (the member is paused, or its lease was not renewed), the guard kills the whole process group with SIGKILL.
// Deadlines are instants of CLOCK_MONOTONIC, which all processes of a machine share, so a delay on the way cannot
// prolong them.
//
// The guard shows itself as osproc-guard, so that a signal to every process of the member's name (pkill) does not end both.
// A signal to all processes of a user or of a control group, or to all that run the same file, reaches both: then the
// command dies with the guard, by a signal that the kernel sends, but its children do not.
//
// Promised: in role active no process of the group runs longer than the lease term of its activation, by more than the
// time the kernel takes to schedule the guard and to kill; App.Stop returns only when the group is gone. Not promised: a
// process that leaves its group (setsid) is not followed; if the guard itself is killed with SIGKILL, the command dies
// with it, and its children only if the member lives. There is no handover. The guard runs on Linux only; elsewhere Start
// fails with ErrUnsupported.
package osproc

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gendac/gendac/actors/app"
)

// ErrUnsupported is returned by Start where no guard exists.
var ErrUnsupported = errors.New("osproc: OS processes as applications need Linux")

// A ConfigError is a Config that cannot run.
type ConfigError struct{ Field, Problem string }

func (e *ConfigError) Error() string { return "osproc: " + e.Field + ": " + e.Problem }

// A Config says what to run, and how.
type Config struct {
	Command     []string          // program, looked up in PATH, and arguments
	Dir         string            // working directory; empty is the member's
	Env         map[string]string // variables, besides those inherited; the GENDAC_ variables come last
	EnvFrom     []string          // inherited from the member besides PATH, HOME, TZ and LANG: NAME, PREFIX*, or * for all
	User        string            // name or id of whom it runs as, with that user's groups; empty is the member's
	Umask       *int              // nil is the member's
	Limits      Limits            // zero is the member's
	StopTimeout time.Duration     // from SIGTERM to SIGKILL; default 5 s, and at most 4/5 of the controller's own
	Guard       []string          // command line of a program that calls GuardMain with the arguments that follow
	RunStandby  bool              // also run as a standby, with GENDAC_ROLE=standby; a promotion restarts the process
}

// Limits are resource limits of each process of the command, soft and hard; a nil field is as the member has it.
type Limits struct {
	NoFile *uint64 // file descriptors
	NProc  *uint64 // processes and threads of its user
	Memory *uint64 // bytes of address space
	Core   *uint64 // bytes of a core dump
}

// App returns the constructor of the application that cfg describes. A bad cfg is reported by Start, as a *ConfigError.
//
// The process finds in its environment GENDAC_START (normal, failover, takeover, restart), GENDAC_FROM (the member that
// was active before, or empty), GENDAC_EPOCH, GENDAC_ROLE, GENDAC_INSTANCE and GENDAC_MEMBER. Its output goes to the
// logger line by line. If it ends by itself, whatever its status, the instance has crashed.
func App(cfg Config) func() app.App {
	return func() app.App { return &application{cfg: cfg} }
}

// application is one instance: at most one process at a time.
type application struct {
	app.Defaults
	cfg     Config
	running *child
}

var _ app.App = (*application)(nil)

// Start runs the process in role active, and with RunStandby also as a standby. It returns once the process exists.
func (a *application) Start(ctx *app.Context, s app.Start) error {
	if err := a.cfg.validate(); err != nil {
		return err
	}
	if err := a.end(ctx); err != nil {
		return err
	}
	if s.Role == app.Standby && !a.cfg.RunStandby {
		return nil
	}
	become, err := a.cfg.settings()
	if err != nil {
		return err
	}
	c, err := launch(ctx, a.cfg, become, a.cfg.environment(ctx, s, become))
	if err != nil {
		return err
	}
	a.running = c
	return nil
}

// Stop ends the process: SIGTERM to the group, SIGKILL after the timeout. It returns when the group is gone.
func (a *application) Stop(ctx *app.Context) ([]byte, error) {
	return nil, a.end(ctx)
}

func (a *application) end(ctx *app.Context) error {
	c := a.running
	if c == nil {
		return nil
	}
	if err := c.stop(a.cfg.stopTimeout(ctx)); err != nil {
		return err
	}
	a.running = nil
	return nil
}

func (c Config) validate() error {
	if len(c.Command) == 0 || c.Command[0] == "" {
		return &ConfigError{"Command", "is empty: name the program to run"}
	}
	if len(c.Guard) == 0 {
		return &ConfigError{"Guard", "is empty: give the command line of a program that calls osproc.GuardMain"}
	}
	if c.Dir != "" {
		if info, err := os.Stat(c.Dir); err != nil {
			return &ConfigError{"Dir", fmt.Sprintf("the working directory %s cannot be used: %v", c.Dir, err)}
		} else if !info.IsDir() {
			return &ConfigError{"Dir", fmt.Sprintf("the working directory %s is no directory", c.Dir)}
		}
	}
	return nil
}

// stopTimeout leaves the controller's deadline a fifth for killing and reaping, so that a Stop is never abandoned.
func (c Config) stopTimeout(ctx *app.Context) time.Duration {
	d := c.StopTimeout
	if d <= 0 {
		d = 5 * time.Second
	}
	if bound := ctx.StopTimeout(); bound > 0 {
		d = min(d, bound*4/5)
	}
	return d
}

// An ExitError says how a process that should have run on has ended.
type ExitError struct {
	Command string
	Status  string // as the guard saw it: "exit status 3", "signal: killed"
}

func (e *ExitError) Error() string { return fmt.Sprintf("osproc: %s ended: %s", e.Command, e.Status) }
