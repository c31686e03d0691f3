package genleader

import "io"

// A Behaviour is the callback side of a group: one instance runs on every member. Callbacks run one at a time in the
// group's own actor and must not block.
type Behaviour interface {
	// Elected runs on the leader: with a nil joiner when it has won and has applied every earlier entry, and again with
	// the joiner each time a member joins. What it returns reaches Surrendered, on all others or on that joiner only.
	// A joiner may have applied broadcasts by then that are later than its sync: replicated state comes with Restore, and
	// has no place in a sync.
	Elected(e *Election, joiner *Member) (sync []byte)
	// Surrendered runs on every other member when it accepts a leader, before any FromLeader of that leader.
	Surrendered(e *Election, sync []byte)
	// HandleLeaderCall runs on the leader only and says what becomes of a call.
	HandleLeaderCall(e *Election, from From, req []byte) Answer
	// HandleLeaderCast is HandleLeaderCall without a caller: a reply in its answer goes nowhere.
	HandleLeaderCast(e *Election, req []byte) Answer
	// FromLeader runs on every member, the leader included, in one order, once a majority has the broadcast. Its reply
	// reaches the caller unless the answer that broadcast it had a reply of its own. msg aliases the log entry:
	// FromLeader must not modify it or return a part of it, and retaining a slice of it retains the whole batch. A
	// message on which FromLeader panics ends the group on every member. With a data directory it does so again at each
	// start, until a version runs whose FromLeader does not panic on it. So refuse in HandleLeaderCall what cannot be
	// done, and report in the reply what failed.
	FromLeader(e *Election, msg []byte) (reply []byte)
	// HandleDown runs on the leader when a member's process is known to be gone (ErrGone) or has left (ErrLeft), once for
	// each process and leader; its answer may broadcast. A member that is only silent is not down: see View.
	HandleDown(e *Election, who Member, reason error) Answer
	// HandleCall, HandleCast and HandleInfo serve the local instance, as in a gen_server.
	HandleCall(e *Election, req any) (reply any, err error)
	HandleCast(e *Election, msg any)
	HandleInfo(e *Election, msg any)
	// Snapshot captures all replicated state as of now. It runs in the group's turn and must be quick: the image is
	// written later and elsewhere, while further callbacks run.
	Snapshot() (Image, error)
	// Restore reads what an image wrote, to its end, and returns what puts it in the place of the replicated state. It runs
	// beside other callbacks and changes nothing; install runs in the group's turn, before every FromLeader that follows
	// the snapshot, or never. An error refuses the snapshot whole.
	Restore(r io.Reader) (install func(), err error)
	// Terminate runs last, also after a panic of another callback.
	Terminate(reason error)
}

// An Image is replicated state as of one moment. WriteTo is called once at most, beside other callbacks.
type Image interface {
	WriteTo(w io.Writer) (int64, error)
}

// A Batcher is a Behaviour that gains by applying many broadcasts at a time: Batch calls apply, which calls FromLeader for
// some that follow each other. Nobody hears of any of them before Batch returns, neither callers nor who waits for an
// index, so it may make them visible all at once.
type Batcher interface {
	Behaviour
	Batch(apply func())
}

// A Member is one process of a group. Incarnation is new at each start of the process and rises with time.
type Member struct {
	Name        string
	Incarnation uint64
}

// From names the caller that a Reply answers. It is good for one reply.
type From struct {
	Member Member
	Seq    uint64
}

// An Answer says what becomes of a call to the leader. Make one with Reply, Broadcast, ReplyAfter, NoReply or Stop.
type Answer struct {
	reply     []byte
	replies   bool
	message   []byte
	broadcast bool
	stop      error
}

// Reply answers the caller at once and changes nothing.
func Reply(reply []byte) Answer { return Answer{reply: reply, replies: true} }

// Broadcast sends msg to every member; the caller gets what the leader's own FromLeader returns.
func Broadcast(msg []byte) Answer { return Answer{message: msg, broadcast: true} }

// ReplyAfter sends msg to every member and answers the caller with reply once a majority has it.
func ReplyAfter(msg, reply []byte) Answer {
	return Answer{message: msg, broadcast: true, reply: reply, replies: true}
}

// NoReply leaves the caller waiting for a later Election.Reply, or for its deadline.
func NoReply() Answer { return Answer{} }

// Stop ends the local instance with reason.
func Stop(reason error) Answer { return Answer{stop: reason} }

// Defaults answers nothing, keeps nothing and does nothing; embed it and override what the behaviour needs.
type Defaults struct{}

func (Defaults) Elected(*Election, *Member) []byte               { return nil }
func (Defaults) Surrendered(*Election, []byte)                   {}
func (Defaults) HandleLeaderCall(*Election, From, []byte) Answer { return NoReply() }
func (Defaults) HandleLeaderCast(*Election, []byte) Answer       { return NoReply() }
func (Defaults) FromLeader(*Election, []byte) []byte             { return nil }
func (Defaults) HandleDown(*Election, Member, error) Answer      { return NoReply() }
func (Defaults) HandleCall(*Election, any) (any, error)          { return nil, ErrUnsupported }
func (Defaults) HandleCast(*Election, any)                       {}
func (Defaults) HandleInfo(*Election, any)                       {}
func (Defaults) Snapshot() (Image, error)                        { return nothing{}, nil }
func (Defaults) Restore(io.Reader) (func(), error)               { return func() {}, nil }
func (Defaults) Terminate(error)                                 {}

type nothing struct{}

func (nothing) WriteTo(io.Writer) (int64, error) { return 0, nil }
