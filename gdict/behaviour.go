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

func (b *behaviour) HandleLeaderCast(e *genleader.Election, req []byte) genleader.Answer {
	return b.HandleLeaderCall(e, genleader.From{}, req)
}

func (b *behaviour) Batch(apply func()) { b.dict.batch(apply) }

func (b *behaviour) FromLeader(e *genleader.Election, msg []byte) []byte {
	return b.dict.step(e.Index(), e.LeaseTerm(), msg)
}

func (b *behaviour) Snapshot() (genleader.Image, error) { return b.dict.image(), nil }

func (b *behaviour) Restore(r io.Reader) (install func(), err error) { return b.dict.load(r) }

func (b *behaviour) Terminate(reason error) { b.dict.end(reason) }
