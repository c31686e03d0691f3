package gdict

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

// writeLedger writes what the log decides beside the entries.
func (i image) writeLedger(r *recordWriter) {
	ledger := &wire.Ledger{Floor: i.sessions.floor}
	if l := i.state.limits; l != nil {
		ledger.Limits = encodeLimits(*l)
	}
	owned := i.state.owned
	gone := owned.gone.all()
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		ledger.Gone = append(ledger.Gone, &wire.Owner{Name: []byte(name), Incarnation: gone[name]})
	}
	for entry := range owned.actors.scan("") {
		actor, _ := ownerOf(entry.Key)
		ledger.Actors = append(ledger.Actors, ownerMessage(&actor))
	}
	r.write(recordLedger, ledger)
	r.count++
	for _, id := range i.sessions.ids() {
		of := i.sessions.all[id]
		m := &wire.Session{Id: id, Used: of.used, Acknowledged: of.acknowledged}
		for at, reply := range of.replies {
			if reply != nil {
				m.Kept = append(m.Kept, &wire.Kept{Seq: of.acknowledged + uint64(at), Reply: reply})
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
	return d.ownersOf(m)
}

// ownersOf reads who is gone, and which actors may own keys.
func (d *decoding) ownersOf(m *wire.Ledger) error {
	last, latest := "", map[string]uint64{}
	for _, gone := range m.GetGone() {
		o := *ownerIn(gone)
		if err := o.check(); err != nil || o.Member.Name <= last || o.actor > 0 || o.leased || !known(gone) {
			return fmt.Errorf("member %v, which is gone, is not in its place", o)
		}
		latest[o.Member.Name], last = o.Member.Incarnation, o.Member.Name
	}
	if len(latest) > maxGone {
		return fmt.Errorf("%d members are gone, at most %d", len(latest), maxGone)
	}
	if len(latest) > 0 {
		d.owners.owned.gone = &goneMembers{latest}
	}
	last = ""
	for _, actor := range m.GetActors() {
		o := *ownerIn(actor)
		if err := o.check(); err != nil || o.actor == 0 || o.leased || o.id() <= last || d.owners.mayOwn(Owner{Member: o.Member}) != nil || !known(actor) {
			return fmt.Errorf("owner %v is not in its place", o)
		}
		d.owners.editOwned()
		edit{d.owners.owned.actors}.put(&Entry{Key: o.id()})
		last = o.id()
	}
	return nil
}

// owner binds a key that was read to its owner.
func (d *decoding) owner(key string, m *wire.Owner) error {
	if m == nil {
		return nil
	}
	o := *ownerIn(m)
	if !known(m) || o.check() != nil || d.owners.mayOwn(o) != nil {
		return fmt.Errorf("key %s: owner %v is none", quoted(key), o)
	}
	id := o.id()
	d.owners.bind(key, "", id)
	d.state.size += ownerCost(key, id)
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
	of := &session{used: m.GetUsed(), acknowledged: m.GetAcknowledged()}
	for _, kept := range m.GetKept() {
		at := kept.GetSeq() - of.acknowledged
		if kept.GetSeq() < of.acknowledged || at >= sessionWindow || at < uint64(len(of.replies)) || !known(kept) {
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
