package genleader

import (
	"fmt"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// input is one event and the instant at which the shell saw it.
type input struct {
	at    time.Time
	slept time.Duration // for how long the machine has been suspended in all
	event event
}

type event interface {
	event()
	String() string
}

type (
	// started is the first event of an incarnation.
	started struct{}
	// linkUp and linkDown are the transport's word on one peer; refused means that its process is known to be gone.
	linkUp   struct{ member Member }
	linkDown struct {
		member  Member
		refused bool
	}
	// linkSilent says that nothing was heard of a linked peer since then. It is told only to groups that may hibernate.
	linkSilent struct {
		member Member
		since  time.Time
	}
	// received is one frame of a linked peer.
	received struct {
		from    Member
		packets []*wire.Packet
	}
	// called is a local caller's leader call; seq is this member's own. With only, it is for that term of this member. One
	// that is a cast has none of these, and no answer.
	called struct {
		seq      uint64
		only     uint64
		request  []byte
		deadline time.Time
		cast     bool
	}
	// arrived is what callers have said since the last time, in their order.
	arrived struct{ calls []called }
	// abandoned says that the caller of seq waits no longer.
	abandoned struct{ seq uint64 }
	// transferAsked is a local caller's command to make a member of that name lead.
	transferAsked struct {
		seq  uint64
		name string
	}
	// withheld says who is to get no leases in that term, instead of who was to get none before.
	withheld struct {
		term    uint64
		members []Member
	}
	// readAsked is a local caller's question for an index to read from.
	readAsked struct{ seq uint64 }
	// handled is what the behaviour answered to an ask of that term.
	handled struct {
		term   uint64
		from   From
		answer Answer
	}
	// synced is what the behaviour's Elected returned, for all or for one joiner.
	synced struct {
		term uint64
		to   *Member
		sync []byte
	}
	// inspecting asks for an inspection under that number.
	inspecting struct{ ask uint64 }
	// unsent says that the transport has refused these packets.
	unsent struct {
		to      string
		packets []*wire.Packet
	}
	// behaved is what the behaviour said in one turn: handled and synced, in its order.
	behaved struct{ events []event }
	// releaseAsked is a local caller's wish that this member give up its vote; releaseWithdrawn is that it keep it after all.
	releaseAsked     struct{ seq uint64 }
	releaseWithdrawn struct{}
	// leaving asks for an orderly departure.
	leaving struct{}
	// flushed says that everything which was in the mailbox at the time of a flush has been stepped, but for what the
	// behaviour said meanwhile.
	flushed struct{ said []event }
	// woke says that the timer rang.
	woke struct{}
)

func (started) event()       {}
func (linkUp) event()        {}
func (linkDown) event()      {}
func (linkSilent) event()    {}
func (received) event()      {}
func (called) event()        {}
func (abandoned) event()     {}
func (arrived) event()       {}
func (readAsked) event()     {}
func (handled) event()       {}
func (synced) event()        {}
func (behaved) event()       {}
func (inspecting) event()    {}
func (unsent) event()        {}
func (leaving) event()       {}
func (flushed) event()       {}
func (woke) event()          {}
func (transferAsked) event() {}
func (withheld) event()      {}

func (releaseAsked) event()     {}
func (releaseWithdrawn) event() {}

func (started) String() string    { return "started" }
func (e linkUp) String() string   { return "link up " + e.member.String() }
func (e linkDown) String() string { return fmt.Sprintf("link down %v refused=%v", e.member, e.refused) }

func (e linkSilent) String() string { return "link silent " + e.member.String() }
func (e received) String() string   { return fmt.Sprintf("from %v:%s", e.from, describeAll(e.packets)) }
func (e abandoned) String() string  { return fmt.Sprintf("abandon %d", e.seq) }
func (e readAsked) String() string  { return fmt.Sprintf("read %d", e.seq) }
func (e handled) String() string    { return fmt.Sprintf("handled %v in term %d", e.from, e.term) }
func (e called) String() string {
	if e.cast {
		return fmt.Sprintf("cast %q", e.request)
	}
	return fmt.Sprintf("call %d %q", e.seq, e.request)
}
func (e arrived) String() string { return "arrived:" + listed(e.calls) }
func (e behaved) String() string { return "behaved:" + listed(e.events) }
func (e flushed) String() string { return "flushed" + listed(e.said) }

func listed[E event](events []E) string {
	text := ""
	for _, each := range events {
		text += " " + each.String()
	}
	return text
}

func (e synced) String() string   { return fmt.Sprintf("sync %q of term %d", e.sync, e.term) }
func (inspecting) String() string { return "inspect" }
func (e unsent) String() string   { return "unsent to " + e.to + ":" + describeAll(e.packets) }
func (leaving) String() string    { return "leave" }
func (woke) String() string       { return "woke" }
func (e withheld) String() string {
	return fmt.Sprintf("withheld in term %d from %v", e.term, e.members)
}
func (e transferAsked) String() string { return fmt.Sprintf("transfer %d to %s", e.seq, e.name) }

func (e releaseAsked) String() string   { return fmt.Sprintf("release %d", e.seq) }
func (releaseWithdrawn) String() string { return "keep the vote" }

type effect interface {
	effect()
	String() string
}

type (
	// send hands packets to the transport, which may lose them.
	send struct {
		to      string
		packets []*wire.Packet
	}
	// flush asks for a flushed event behind everything that is in the mailbox now. With gather, callers who can run come
	// first.
	flush struct{ gather bool }
	// setTimer replaces the one timer; a zero time stops it.
	setTimer struct{ at time.Time }
	// ask calls HandleLeaderCall or HandleLeaderCast and answers with handled.
	ask struct {
		term    uint64
		from    From
		request []byte
		cast    bool
	}
	// apply is one broadcast of an applyMany: it calls FromLeader, and with a seq also answers that local caller.
	apply struct {
		index    uint64
		message  []byte
		seq      uint64
		reply    []byte
		hasReply bool
	}
	// applyMany applies broadcasts that follow each other.
	applyMany struct{ broadcasts []apply }
	// elected calls Elected and answers with synced.
	elected struct {
		term   uint64
		joiner *Member
	}
	// surrender calls Surrendered.
	surrender struct {
		leader Member
		sync   []byte
	}
	// memberDown calls HandleDown and answers with handled.
	memberDown struct {
		term   uint64
		who    Member
		reason error
	}
	// resolve answers a local caller.
	resolve struct {
		seq   uint64
		reply []byte
		err   error
	}
	// readable answers a local reader with the index to read from.
	readable struct {
		seq   uint64
		index uint64
		err   error
	}
	// transferred answers a local caller of transferAsked.
	transferred struct {
		seq uint64
		err error
	}
	// released answers a local caller of releaseAsked.
	released struct {
		seq uint64
		err error
	}
	// advanced says that the log is applied here up to index; fresh, that everything acknowledged before asOf is.
	advanced struct{ index uint64 }
	fresh    struct{ asOf time.Time }
	// extendLease moves the end of this member's lease, which was asked for when the machine had been suspended for slept
	// or more; leaseEnded ends it, because it was not moved in time or the machine was suspended.
	extendLease struct {
		until time.Time
		slept time.Duration
	}
	leaseEnded struct{}
	// renumbered gives this member's links another incarnation.
	renumbered struct{ self Member }
	// happened tells of something, inspected answers an inspecting.
	happened  struct{ what Event }
	inspected struct {
		ask uint64
		is  Inspection
	}
	// announce publishes a changed view.
	announce struct{ view View }
	// departed ends an orderly departure; fail ends the instance.
	departed struct{}
	fail     struct{ reason error }
)

func (send) effect()        {}
func (flush) effect()       {}
func (setTimer) effect()    {}
func (*ask) effect()        {}
func (*applyMany) effect()  {}
func (elected) effect()     {}
func (surrender) effect()   {}
func (memberDown) effect()  {}
func (resolve) effect()     {}
func (transferred) effect() {}
func (released) effect()    {}
func (readable) effect()    {}
func (advanced) effect()    {}
func (fresh) effect()       {}
func (extendLease) effect() {}
func (leaseEnded) effect()  {}
func (renumbered) effect()  {}
func (happened) effect()    {}
func (inspected) effect()   {}
func (announce) effect()    {}
func (departed) effect()    {}
func (fail) effect()        {}

func (e send) String() string     { return "send " + e.to + ":" + describeAll(e.packets) }
func (flush) String() string      { return "flush" }
func (e setTimer) String() string { return "timer" }
func (e *ask) String() string     { return fmt.Sprintf("ask %v %q", e.from, e.request) }
func (e *applyMany) String() string {
	text := "apply"
	for _, b := range e.broadcasts {
		text += fmt.Sprintf(" %d %q", b.index, b.message)
	}
	return text
}

func (e elected) String() string {
	return fmt.Sprintf("elected in term %d joiner=%v", e.term, e.joiner)
}
func (e surrender) String() string { return fmt.Sprintf("surrender to %v %q", e.leader, e.sync) }
func (e memberDown) String() string {
	return fmt.Sprintf("member down %v: %v", e.who, e.reason)
}

func (e resolve) String() string { return fmt.Sprintf("resolve %d %q %v", e.seq, e.reply, e.err) }

func (e transferred) String() string { return fmt.Sprintf("transferred %d %v", e.seq, e.err) }
func (e released) String() string    { return fmt.Sprintf("released %d %v", e.seq, e.err) }
func (e readable) String() string    { return fmt.Sprintf("read %d from %d %v", e.seq, e.index, e.err) }
func (e advanced) String() string    { return fmt.Sprintf("applied up to %d", e.index) }
func (fresh) String() string         { return "fresh" }
func (e extendLease) String() string { return "extend lease" }
func (leaseEnded) String() string    { return "lease ended" }
func (e renumbered) String() string  { return "renumbered " + e.self.String() }
func (e happened) String() string    { return "happened: " + e.what.String() }
func (e inspected) String() string   { return "inspected" }
func (e announce) String() string    { return "announce " + e.view.String() }
func (departed) String() string      { return "departed" }
func (e fail) String() string        { return fmt.Sprintf("fail: %v", e.reason) }
