package gdict

import (
	"io"

	"github.com/gendac/gendac/behaviours/genleader"
)

// Behaviour returns the callbacks that a group runs on this member. One group at a time may run it.
func (d *Dict) Behaviour() genleader.Behaviour {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = nil
	return &behaviour{dict: d}
}

type behaviour struct {
	genleader.Defaults
	dict *Dict
}

var _ genleader.Batcher = (*behaviour)(nil)

func (b *behaviour) HandleLeaderCall(_ *genleader.Election, _ genleader.From, req []byte) genleader.Answer {
	cmd, refusal := b.dict.admit(req)
	if refusal != nil {
		return genleader.Reply(refusal)
	}
	return genleader.Broadcast(cmd)
}

func (b *behaviour) Batch(apply func()) { b.dict.batch(apply) }

func (b *behaviour) FromLeader(e *genleader.Election, msg []byte) []byte {
	return b.dict.step(e.Index(), e.LeaseTerm(), msg)
}

// Elected begins to watch over owners: what an earlier leader knew of them and had no time to say is found out again.
func (b *behaviour) Elected(e *genleader.Election, _ *genleader.Member) []byte {
	b.dict.ahead.forget()
	b.dict.reaper.meet(e.Self())
	b.dict.reaper.watch(0)
	return nil
}

func (b *behaviour) Surrendered(e *genleader.Election, _ []byte) {
	b.dict.ahead.forget()
	b.dict.reaper.meet(e.Self())
}

func (b *behaviour) HandleDown(_ *genleader.Election, who genleader.Member, _ error) genleader.Answer {
	if s := b.dict.now.Load(); s.owned.idle() {
		return genleader.NoReply()
	}
	return genleader.Broadcast(b.dict.ordered(encodeRequest(memberEnds{member: who, how: ended}, requestID{})))
}

func (b *behaviour) HandleCast(e *genleader.Election, msg any) {
	if _, ours := msg.(lookRound); ours {
		b.dict.lookRound(e)
	}
}

func (b *behaviour) Snapshot() (genleader.Image, error) { return b.dict.image(), nil }

func (b *behaviour) Restore(r io.Reader) (install func(), err error) { return b.dict.load(r) }

func (b *behaviour) Terminate(reason error) {
	b.dict.reaper.stop()
	b.dict.end(reason)
}
