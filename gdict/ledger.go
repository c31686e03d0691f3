package gdict

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

// writeLedger writes what the log decides beside the entries.
func (i image) writeLedger(r *recordWriter) {
	ledger := &wire.Ledger{Floor: i.sessions.floor}
	if l := i.state.limits; l != nil {
		ledger.Limits = encodeLimits(*l)
	}
	r.write(recordLedger, ledger)
	r.count++
	for _, id := range i.sessions.ids() {
		of := i.sessions.all[id]
		m := &wire.Session{Id: id, Used: of.used, Settled: of.settled}
		for at, reply := range of.replies {
			if reply != nil {
				m.Kept = append(m.Kept, &wire.Kept{Seq: of.settled + uint64(at), Reply: reply})
			}
		}
		r.write(recordSession, m)
		r.count++
	}
}

func (d *decoding) ledger(body []byte) error {
	m := &wire.Ledger{}
	if err := proto.Unmarshal(body, m); err != nil {
		return fmt.Errorf("malformed ledger: %w", err)
	}
	if !known(m) || (m.GetLimits() != nil && !known(m.GetLimits())) {
		return errors.New("a ledger with fields that this version does not know")
	}
	if d.count > 0 {
		return errors.New("a snapshot has one ledger, behind its head")
	}
	d.state.limits = decodeLimits(m.GetLimits())
	d.sessions = sessions{all: map[uint64]*session{}, floor: m.GetFloor()}
	d.count++
	return nil
}

func (d *decoding) session(body []byte) error {
	m := &wire.Session{}
	if err := proto.Unmarshal(body, m); err != nil {
		return fmt.Errorf("malformed session: %w", err)
	}
	if !known(m) {
		return errors.New("a session with fields that this version does not know")
	}
	if m.GetId() <= d.lastSession || d.last != "" {
		return fmt.Errorf("session %d is not in its place", m.GetId())
	}
	of := &session{used: m.GetUsed(), settled: m.GetSettled()}
	for _, kept := range m.GetKept() {
		at := kept.GetSeq() - of.settled
		if kept.GetSeq() < of.settled || at >= sessionWindow || at < uint64(len(of.replies)) || !known(kept) {
			return fmt.Errorf("session %d: write %d is not in its place", m.GetId(), kept.GetSeq())
		}
		for uint64(len(of.replies)) < at {
			of.replies = append(of.replies, nil)
		}
		reply := kept.GetReply()
		if len(reply) == 0 {
			reply = forgotten
		}
		of.replies = append(of.replies, reply)
		of.bytes += len(reply)
	}
	if err := of.check(d.state.rev); err != nil {
		return err
	}
	d.sessions.all[m.GetId()] = of
	d.lastSession = m.GetId()
	d.count++
	return nil
}
