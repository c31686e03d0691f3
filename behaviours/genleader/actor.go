package genleader

import (
	"bytes"
	"errors"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/behaviours/process"
)

// frameSize is how many bytes a frame has when no further packet is put into it.
const frameSize = 4 << 20

type (
	frameMessage struct {
		from  Member
		frame []byte
	}
	localCall struct {
		request any
		answer  chan localAnswer
	}
	localAnswer struct {
		reply any
		err   error
	}
	localCast struct{ msg any }
	sayings   struct{} // there are some
)

// shell acts for one core: it calls the behaviour, holds the timer and the callers that wait.
type shell struct {
	group   *Group
	self    *actor.PID
	waiting map[uint64]chan outcome
	asking  map[uint64]chan Inspection
	images  images
	timer   *time.Timer
	current View
	lapsed  lease.Term // the latest term whose end has been told
	failed  bool
	sayings []event // what the behaviour said and the core has not heard
	heard   []event // what it has
	calls   []called
	writer  *writer // nil in memory
	suspend suspendWatch
}

func newShell(g *Group, ctx actor.Context) *shell {
	s := &shell{suspend: suspendWatch{group: g}, group: g, self: ctx.Self(), waiting: map[uint64]chan outcome{}, asking: map[uint64]chan Inspection{}, images: images{map[uint64]*imageWriter{}, map[uint64]*imageReader{}}}
	g.pid.Store(ctx.Self())
	if g.cfg.Storage != nil {
		s.writer = newWriter(g.cfg.Storage, s.again)
	}
	s.again(started{})
	if g.hub != nil {
		g.hub.begun(g)
	}
	return s
}

func (s *shell) machine() process.Machine[*core, input, effect] {
	settings := settings{
		self: s.group.Member(), renumbers: s.group.hub != nil, timing: s.group.cfg.Timing, leases: s.group.cfg.Leases, mayHibernate: s.group.mayHibernate(),
		logBytes: uint64(s.group.cfg.LogBytes), logEntries: uint64(s.group.cfg.LogEntries),
		id: s.group.raftID, durable: s.group.cfg.Storage != nil, kept: s.group.kept,
		keepEvery: uint64(s.group.cfg.SnapshotBytes),
		cluster:   s.group.cfg.Cluster, candidates: s.group.cfg.Candidates, expect: s.group.cfg.Expect, maxVoters: s.group.cfg.MaxVoters,
		forgetAfter: s.group.cfg.ForgetAfter, preferAfter: s.group.cfg.PreferAfter, isWitness: s.group.cfg.Witness,
	}
	if s.group.hub != nil {
		settings.grid = s.group.hub.core.began
	}
	return process.Machine[*core, input, effect]{
		State: newCore(settings, time.Now(), s.group.cfg.Seed), Step: step,
		Lift: s.lift, Perform: s.perform, Terminate: s.terminate,
	}
}

// again brings an event back to this very actor, behind what is in its mailbox now.
func (s *shell) again(e event) { s.group.system.Root.Send(s.self, e) }

func (s *shell) lift(ctx actor.Context) (input, bool) {
	deepen()
	slept := s.suspend.look(s.self) // before the time, so that a stamp of this turn is not from after what is known here
	in := input{at: time.Now(), slept: slept}
	switch msg := ctx.Message().(type) {
	case sayings:
		said := s.takeSayings()
		in.event = behaved{events: said}
		return in, len(said) > 0
	case flushed:
		in.event = flushed{said: s.takeSayings()}
	case arrivalsWait:
		in.event = s.arrived()
	case event:
		in.event = msg
	case imageDone:
		read, wanted := s.imageRead(msg)
		in.event = read
		return in, wanted
	case askAllMessage:
		s.group.questions.Add(-1)
		s.waiting[msg.seq] = msg.answer
		in.event = askedAll{seq: msg.seq, request: msg.request}
	case transferMessage:
		s.group.questions.Add(-1)
		s.waiting[msg.seq] = msg.answer
		in.event = transferAsked{seq: msg.seq, name: msg.name}
	case releaseMessage:
		s.group.questions.Add(-1)
		s.waiting[msg.seq] = msg.answer
		in.event = releaseAsked{seq: msg.seq}
	case readMessage:
		s.group.questions.Add(-1)
		s.waiting[msg.seq] = msg.answer
		in.event = readAsked{seq: msg.seq}
	case inspectMessage:
		s.group.questions.Add(-1)
		s.asking[msg.ask] = msg.answer
		in.event = inspecting{ask: msg.ask}
	case frameMessage:
		s.group.inbox.give(len(msg.frame))
		frame := &wire.Frame{}
		if err := proto.Unmarshal(msg.frame, frame); err != nil {
			s.group.cfg.Logger.Warn("dropped a frame that is not readable", slog.String("peer", msg.from.Name), slog.Any("err", err))
			return in, false
		}
		in.event = received{from: msg.from, packets: frame.GetPackets()}
	case refusedFrame:
		frame := &wire.Frame{}
		if proto.Unmarshal(msg.frame, frame) != nil {
			return in, false // it is this group's own
		}
		in.event = unsent{to: msg.to, packets: frame.GetPackets()}
	case localCall:
		reply, err := s.group.cfg.Behaviour.HandleCall(s.election(0), msg.request)
		msg.answer <- localAnswer{reply, err}
		return in, false
	case localCast:
		s.group.cfg.Behaviour.HandleCast(s.election(0), msg.msg)
		return in, false
	case actor.SystemMessage, actor.AutoReceiveMessage:
		return in, false
	default:
		s.group.cfg.Behaviour.HandleInfo(s.election(0), msg)
		return in, false
	}
	return in, true
}

func (s *shell) election(index uint64) *Election {
	return &Election{shell: s, index: index, term: s.current.Term}
}

func (s *shell) perform(ctx actor.Context, e effect) {
	if s.failed {
		return // nothing is built on a state that is not right
	}
	b := s.group.cfg.Behaviour
	switch e := e.(type) {
	case send:
		s.send(e)
	case flush:
		if e.gather {
			s.gather()
		} else {
			s.again(flushed{})
		}
	case setTimer:
		s.setTimer(e.at)
	case *ask:
		s.ask(e)
	case *applyMany:
		s.applyMany(e.broadcasts)
	case elected:
		s.said(synced{term: e.term, to: e.joiner, sync: b.Elected(&Election{shell: s, term: e.term}, e.joiner)})
	case surrender:
		b.Surrendered(s.election(0), e.sync)
	case restore:
		s.restore(e)
	case takeImage:
		s.takeImage(e)
	case readImage:
		s.readImage(e)
	case receiveImage:
		s.receiveImage(e)
	case feedImage:
		s.feedImage(e)
	case dropImage:
		s.dropImage(e)
	case save:
		s.save(e)
	case keepImage:
		s.keepImage(e)
	case restoreKept:
		s.group.install()
	case memberDown:
		s.said(handled{term: e.term, answer: b.HandleDown(&Election{shell: s, term: e.term}, e.who, e.reason)})
	case resolve:
		s.resolve(e.seq, outcome{reply: e.reply, err: e.err})
	case readable:
		s.resolve(e.seq, outcome{index: e.index, err: e.err})
	case askLocal:
		s.askLocal(e)
	case gathered:
		s.resolve(e.seq, outcome{answers: e.answers, err: e.err})
	case transferred:
		s.resolve(e.seq, outcome{err: e.err})
	case released:
		s.resolve(e.seq, outcome{err: e.err})
	case advanced:
		s.group.progress.advance(e.index)
	case fresh:
		s.group.progress.freshen(e.asOf)
	case extendLease:
		s.extendLease(e)
	case leaseEnded:
		s.group.lease.Lapse()
		term, _ := s.group.lease.Current()
		s.leaseEnded(term)
	case renumbered:
		s.renumber(e.self)
	case happened:
		s.tell(e.what)
	case inspected:
		e.is.Dropped = s.group.inbox.dropped.Load()
		s.asking[e.ask] <- e.is
		delete(s.asking, e.ask)
	case announce:
		s.announce(e.view)
	case departed:
		process.Exit(ctx, process.ErrNormal)
	case fail:
		s.fail(ctx, e.reason)
	}
}

func (s *shell) fail(ctx actor.Context, reason error) {
	s.failed = true
	process.Exit(ctx, reason)
}

// send makes frames of a bearable size: a peer that catches up may be owed hundreds of packets at once.
func (s *shell) send(e send) {
	for rest := e.packets; len(rest) > 0; {
		n, size := 1, weight(rest[0])
		for n < len(rest) && size < frameSize {
			size += weight(rest[n])
			n++
		}
		if frame, err := proto.Marshal(&wire.Frame{Packets: rest[:n]}); err == nil {
			if s.group.cfg.Send(e.to, frame) != nil {
				s.again(unsent{to: e.to, packets: rest[:n]})
			}
		}
		rest = rest[n:]
	}
}

// weight is about how many bytes a packet takes in a frame. Those that come by the thousand are not measured exactly.
func weight(p *wire.Packet) int {
	const small = 64
	switch what := p.GetWhat().(type) {
	case *wire.Packet_Raft:
		return small + len(what.Raft)
	case *wire.Packet_Call:
		return small + len(what.Call.GetRequest())
	case *wire.Packet_Answered:
		return small + len(what.Answered.GetReply())
	default:
		return proto.Size(p)
	}
}

func (s *shell) setTimer(at time.Time) {
	if s.timer != nil {
		s.timer.Stop()
	}
	if !at.IsZero() {
		s.timer = time.AfterFunc(time.Until(at), func() { s.again(woke{}) })
	}
}

func (s *shell) ask(e *ask) {
	if e.cast {
		answer := s.group.cfg.Behaviour.HandleLeaderCast(&Election{shell: s, term: e.term}, e.request)
		answer.replies = false
		s.said(handled{term: e.term, answer: answer})
		return
	}
	answer := s.leaderCall(e)
	if answer.stop != nil {
		s.lastWord(e, answer.stop)
	}
	s.said(handled{term: e.term, from: e.from, answer: answer})
}

func (s *shell) leaderCall(e *ask) Answer {
	defer func() {
		if v := recover(); v != nil {
			failure := &process.PanicError{Value: v, Stack: process.TakeStack()}
			s.lastWord(e, failure)
			panic(failure)
		}
	}()
	return s.group.cfg.Behaviour.HandleLeaderCall(&Election{shell: s, term: e.term}, e.from, e.request)
}

// lastWord reaches another caller's member before this actor ends. Callers here hear of the end itself.
func (s *shell) lastWord(e *ask, reason error) {
	if e.from.Member != s.group.Member() {
		s.send(send{to: e.from.Member.Name, packets: []*wire.Packet{lastWord(e, reason)}})
	}
}

func (s *shell) applyMany(broadcasts []apply) {
	replies := make([][]byte, len(broadcasts))
	all := func() {
		election := s.election(0)
		for i, b := range broadcasts {
			election.index = b.index
			replies[i] = s.group.cfg.Behaviour.FromLeader(election, b.message)
		}
	}
	if batcher, ok := s.group.cfg.Behaviour.(Batcher); ok {
		batcher.Batch(all)
	} else {
		all()
	}
	s.group.progress.advance(broadcasts[len(broadcasts)-1].index) // before the callers hear of it
	for i, b := range broadcasts {
		if b.seq == 0 {
			continue
		}
		if b.hasReply {
			replies[i] = bytes.Clone(b.reply) // it is part of the log, and the caller may do with it what it likes
		}
		s.resolve(b.seq, outcome{reply: replies[i]})
	}
}

func (s *shell) resolve(seq uint64, out outcome) {
	if answer, waits := s.waiting[seq]; waits {
		delete(s.waiting, seq)
		answer <- out
	}
}

// extendLease also notices a term that ended after the core had decided to extend it.
func (s *shell) extendLease(e extendLease) {
	was, _ := s.group.lease.Current()
	if s.group.lease.Grant(time.Now(), e.until, e.slept) != was && was != 0 {
		s.leaseEnded(was)
	}
}

// leaseEnded tells of each term once.
func (s *shell) leaseEnded(term lease.Term) {
	if term <= s.lapsed {
		return
	}
	s.lapsed = term
	s.group.cfg.Logger.Warn("lease ended", slog.String("member", s.group.cfg.Self.Name), slog.Uint64("lease", uint64(term)))
	s.tell(LeaseEnded{term})
}

func (s *shell) tell(e Event) {
	if s.group.cfg.Event != nil {
		s.group.cfg.Event(e)
	}
}

func (s *shell) terminate(reason error) {
	s.setTimer(time.Time{})
	s.suspend.end()
	s.images.close()
	if !errors.Is(reason, process.ErrNormal) && !errors.Is(reason, process.ErrShutdown) {
		s.group.reason.Store(&reason)
	}
	defer s.end()
	s.announceEnd()
	for seq := range s.waiting { // some of them may be in the log
		s.resolve(seq, outcome{err: errLost})
	}
	close(s.group.gone) // nobody waits for the storage
	if s.group.hub != nil {
		defer s.group.hub.ended(s.group)
	}
	s.group.cfg.Behaviour.Terminate(reason)
}

// end says that the group has ended, once its storage is closed and may be opened again.
func (s *shell) end() {
	if s.writer == nil {
		close(s.group.ended)
		return
	}
	go func() {
		s.writer.end()
		close(s.group.ended)
	}()
}

// renumber lets the peers see another process from now on.
func (s *shell) renumber(self Member) {
	former := s.group.Member()
	s.group.member.Store(&self)
	s.group.cfg.Logger.Warn("incarnation taken", slog.String("member", self.Name), slog.Uint64("former", former.Incarnation), slog.Uint64("incarnation", self.Incarnation),
		slog.String("reason", "the clock is behind that of a former process of this name"))
	s.group.hub.renumbered(s.group, former)
}
