package gdict

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/lease"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A testLog stands for a group: the first dictionary admits, and all of them apply, in one order.
type testLog struct {
	mu      sync.Mutex
	index   uint64
	term    lease.Term
	dicts   []*Dict
	records [][]byte // the admitted commands, from index 1 on

	fail   error               // what LeaderCall returns instead of calling
	fates  func() fate         // of each attempt; nil: all arrive
	mangle func([]byte) []byte // what becomes of a reply on its way
}

func newTestLog(dicts ...*Dict) *testLog {
	l := &testLog{dicts: dicts}
	for _, d := range dicts {
		d.Attach(l)
	}
	return l
}

func (l *testLog) LeaderCallWithin(_ context.Context, bounds genleader.Bounds, req []byte) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bounds.Until.IsZero() {
		return nil, errors.New("a call without a deadline")
	}
	if l.fail != nil {
		return nil, l.fail
	}
	is := arrives
	if l.fates != nil {
		is = l.fates()
	}
	if is == requestLost {
		return nil, genleader.ErrUncertain
	}
	cmd, reply := l.dicts[0].admit(req)
	if reply == nil {
		reply = l.append(cmd)
	}
	if is == replyLost {
		return nil, genleader.ErrUncertain
	}
	if l.mangle != nil {
		reply = l.mangle(reply)
	}
	return reply, nil
}

// append commits a command and returns the leader's reply.
func (l *testLog) append(cmd []byte) []byte {
	l.index++
	l.records = append(l.records, cmd)
	var reply []byte
	for i, d := range l.dicts {
		r := d.apply(l.index, l.term, cmd)
		if i == 0 {
			reply = r
		}
	}
	return reply
}

// encodeOp is an operation of no session, as a foreign client may send it.
func encodeOp(o op) []byte { return encodeRequest(o, requestID{}) }
