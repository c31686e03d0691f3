package supervisor

import (
	"fmt"
	"time"

	"github.com/gendac/gendac/behaviours/process"
)

// An effect is something that the shell does.
type effect interface {
	effect()
	String() string
}

type (
	spawn struct {
		of
		name  string
		child Child
	}
	// spawnLot spawns one instance of the template for each argument. Their gens count from first. Whoever asked for them
	// may be answered as soon as all have begun; land is the answer otherwise.
	spawnLot struct {
		lot, first uint64
		args       []any
		ask        process.From
	}
	stop struct{ of }
	// stopAll stops instances, all at once.
	stopAll struct{ gens []uint64 }
	abandon struct{ of }
	// arm replaces the incarnation's timer, of which there is one.
	arm struct {
		of
		phase Phase
		after time.Duration
	}
	disarm struct{ of }
	wait   struct {
		hold  uint64
		after time.Duration
	}
	// watch asks for an overdue, muster for who of a lot has neither begun nor ended.
	watch  struct{ after time.Duration }
	muster struct{ lot uint64 }

	// answer answers a command with an error, the PID of a child, or a value.
	answer struct {
		ask   process.From
		child of
		value any
		err   error
	}
	// land answers a launch. Ended has those who did not stay: with an error if they did not even begin, ErrIgnore if
	// they did not want to.
	land struct {
		lot   uint64
		ask   process.From
		ended map[uint64]error
	}
	describe struct {
		ask      process.From
		strategy Strategy
		infos    []Info
	}
	tell struct {
		gen    uint64 // zero if it is about no incarnation
		notice Notice
	}
	exit struct{ reason error }
)

func (spawn) effect()    {}
func (spawnLot) effect() {}
func (stop) effect()     {}
func (stopAll) effect()  {}
func (abandon) effect()  {}
func (arm) effect()      {}
func (disarm) effect()   {}
func (wait) effect()     {}
func (watch) effect()    {}
func (muster) effect()   {}
func (answer) effect()   {}
func (land) effect()     {}
func (describe) effect() {}
func (tell) effect()     {}
func (exit) effect()     {}

func (f spawn) String() string { return fmt.Sprintf("spawn %v as %s", f.of, f.name) }
func (f spawnLot) String() string {
	return fmt.Sprintf("spawn lot %d: %v from #%d", f.lot, f.args, f.first)
}
func (f stop) String() string    { return "stop " + f.of.String() }
func (f stopAll) String() string { return fmt.Sprintf("stop all of %v", f.gens) }
func (f abandon) String() string { return "abandon " + f.of.String() }
func (f arm) String() string     { return fmt.Sprintf("arm %v %v %v", f.of, f.phase, f.after) }
func (f disarm) String() string  { return "disarm " + f.of.String() }
func (f wait) String() string    { return fmt.Sprintf("wait %v for %d", f.after, f.hold) }
func (f watch) String() string   { return fmt.Sprintf("watch %v", f.after) }
func (f muster) String() string  { return fmt.Sprintf("muster %d", f.lot) }
func (f answer) String() string {
	switch {
	case f.err != nil:
		return fmt.Sprintf("answer: %v", f.err)
	case f.child.gen != 0:
		return "answer: " + f.child.String()
	case f.value != nil:
		return fmt.Sprintf("answer: %v", f.value)
	}
	return "answer: done"
}
func (f land) String() string     { return fmt.Sprintf("land %d, ended %v", f.lot, f.ended) }
func (f describe) String() string { return fmt.Sprintf("describe %v %v", f.strategy, f.infos) }
func (f tell) String() string     { return "tell " + f.notice.String() }
func (f exit) String() string     { return fmt.Sprintf("exit: %v", f.reason) }
