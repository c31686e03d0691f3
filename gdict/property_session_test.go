package gdict

import (
	"bytes"
	"context"
	"errors"

	"pgregory.net/rapid"

	"github.com/gendac/gendac/behaviours/genleader"
)

// A fate is what becomes of an attempt on its way.
type fate int

const (
	arrives fate = iota
	requestLost
	replyLost
)

// traffic is what the machine knows of the attempts that its members have sent.
type traffic struct {
	fates []fate            // of the next attempts; those beyond arrive
	sent  []attempted       // what was answered
	first map[string]uint64 // where in the log a request was first
	at    uint64            // the place of the latest request, of its first attempt
}

type attempted struct{ request, reply []byte }

// LeaderCallWithin makes the machine the group that all its members write through. Attempts get lost on the way there and on the
// way back; the members do not know which.
func (m *machine) LeaderCallWithin(_ context.Context, _ genleader.Bounds, req []byte) ([]byte, error) {
	is := arrives
	if len(m.fates) > 0 {
		is, m.fates = m.fates[0], m.fates[1:]
	}
	if is == requestLost {
		return nil, genleader.ErrUncertain
	}
	before := len(m.log)
	reply := m.deliver(req)
	if at, again := m.first[string(req)]; again {
		m.at = at
	} else if len(m.log) > before {
		m.at = uint64(len(m.log))
		m.first[string(req)] = m.at
		m.sent = append(m.sent, attempted{req, reply})
	}
	if is == replyLost {
		return nil, genleader.ErrUncertain
	}
	return reply, nil
}

// lose decides what becomes of the next attempts. There is always time for one more, so no write ends uncertain.
func (m *machine) lose(t *rapid.T) {
	m.fates = rapid.SliceOfN(rapid.SampledFrom([]fate{arrives, requestLost, replyLost}), 0, 4).Draw(t, "fates")
}

// repeat lets an attempt arrive that everybody had given up: it changes nothing, and is answered as the first one was if
// it is answered at all.
func (m *machine) repeat(t *rapid.T) {
	if len(m.sent) == 0 {
		t.Skip("nothing was sent")
	}
	old := m.sent[len(m.sent)-1-rapid.IntRange(0, min(len(m.sent)-1, 9)).Draw(t, "ago")]
	reply := m.deliver(old.request)
	done, err := decodeReply(reply)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(reply, old.reply) && !errors.Is(done.err, ErrSessionExpired) && !done.unlogged {
		t.Fatalf("answered %+v, and not as the first time", done)
	}
}

// update lets the leader run a function.
func (m *machine) update(t *rapid.T) {
	key, arg := keys.Draw(t, "key"), rapid.SampledFrom([]string{"x", "no", "xxxx"}).Draw(t, "arg")
	initial := []byte(rapid.SampledFrom([]string{"none", "", "5"}).Draw(t, "initial"))
	if string(initial) == "none" {
		initial = nil
	}
	var entry Entry
	_, err := m.write(func(d *Dict) (_ uint64, err error) {
		if initial == nil {
			entry, err = d.Update(context.Background(), key, raise, []byte(arg))
		} else {
			entry, err = d.UpdateOr(context.Background(), key, raise, []byte(arg), initial)
		}
		return 0, err
	})
	was, exists := m.model[key]
	value := was.value + arg
	if !exists {
		value = string(initial)
	}
	failed, unknown := (*UpdateError)(nil), (*NoFunctionError)(nil)
	switch {
	case m.limitOf(key, "") == whatKey:
		m.expect(t, key, "", 0, err)
	case m.leader == 2:
		// After an attempt that got lost, a leader that does not even try proves nothing.
		if !errors.As(err, &unknown) && !errors.Is(err, genleader.ErrUncertain) {
			t.Fatalf("update %q: %v; the leader does not know the function", key, err)
		}
	case !exists && initial == nil:
		if !errors.Is(err, ErrNotFound) {
			t.Fatalf("update %q, which is missing: %v", key, err)
		}
	case exists && arg == "no":
		if !errors.As(err, &failed) {
			t.Fatalf("update %q: %v, wanted what the function says", key, err)
		}
	default:
		m.expect(t, key, value, entry.Rev, err)
		if err == nil && (string(entry.Value) != value || entry.Rev != m.at) {
			t.Fatalf("update %q: %+v, wanted %q at %d", key, entry, value, m.at)
		}
	}
}
