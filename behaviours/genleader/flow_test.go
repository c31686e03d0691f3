package genleader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// holds is how many bytes of others' making a core holds.
func (c *core) holds() int {
	held := int(c.log.bytes() + c.book.callBytes + c.book.backlogBytes)
	for _, packets := range c.outbox.packets {
		for _, p := range packets {
			held += proto.Size(p)
		}
	}
	for _, st := range c.snapshots.streams {
		for _, f := range st.flight {
			held += proto.Size(f.chunk)
		}
	}
	return held
}

// sentTo is how many bytes wait for a host that is paused: what a transport would have to hold for it.
func (h *host) sentTo() (bytes int) {
	for _, ev := range h.waiting {
		if frame, ok := ev.(received); ok {
			for _, p := range frame.packets {
				bytes += proto.Size(p)
			}
		}
	}
	return bytes
}

// TestAMemberThatReadsNothingCostsNobodyMemory: it is silent for long while the others write twenty times what
// the log keeps. Afterwards it gets a snapshot, and has everything.
func TestAMemberThatReadsNothingCostsNobodyMemory(t *testing.T) {
	w := newWorld(3, "a1", "b1", "c1")
	w.logEntries, w.chunk = 1<<20, 64<<10
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	leader, silent := w.leader(), w.hosts["c1"]
	if leader == silent {
		t.Fatal("choose another seed: c1 must not lead")
	}
	silent.paused = true
	const size = 64 << 10
	payload := strings.Repeat(".", size)
	most := 0
	for i := range 300 {
		w.call(leader.self.Name, fmt.Sprint(i, payload), time.Second)
		w.run(40 * time.Millisecond)
		for _, name := range []string{"a1", "b1"} {
			most = max(most, w.hosts[name].core.holds())
		}
	}
	// One entry more than the log's bytes may be there at the moment when the oldest go.
	if bound := int(w.logBytes) + 2*size; most > bound {
		t.Errorf("a member held %d bytes, more than %d", most, bound)
	}
	// Once its answers fail to come raft sends it nothing but probes, and everybody else heartbeats.
	if sent := silent.sentTo(); sent > maxInflight+2*maxAppend {
		t.Errorf("%d bytes were sent to a member that reads nothing", sent)
	}
	w.resume("c1")
	silent.told = nil
	w.run(5 * time.Second)
	if len(silent.applied) != 300 {
		t.Errorf("it has applied %d broadcasts of 300", len(silent.applied))
	}
	if index(silent.told, "restored") < 0 {
		t.Error("it got no snapshot")
	}
}

// TestCallsBeyondWhatMayWaitAreRefused, at once and as not done; when the others have ended there is room again.
func TestCallsBeyondWhatMayWaitAreRefused(t *testing.T) {
	w := newWorld(1, "a1", "b1", "c1")
	h := w.start("a1") // alone, so that every call waits
	big := strings.Repeat(".", 1<<20)
	var accepted, refused int
	for range 70 {
		switch seq := w.call("a1", big, time.Second); h.replies[seq] {
		case "":
			accepted++
		case ErrOverloaded.Error():
			refused++
		default:
			t.Fatal(h.replies[seq])
		}
	}
	if accepted != 63 || refused != 7 || h.core.book.callBytes > maxPending {
		t.Errorf("%d accepted, %d refused, %d bytes wait", accepted, refused, h.core.book.callBytes)
	}
	w.run(2 * time.Second)
	if h.core.book.callBytes != 0 {
		t.Errorf("%d bytes count though nothing waits", h.core.book.callBytes)
	}
	if seq := w.call("a1", big, time.Second); h.replies[seq] != "" {
		t.Errorf("there is room again: %q", h.replies[seq])
	}
}

// TestCallsThatComeTooEarlyAreBounded: a leader that does not serve yet keeps so many and tells the rest that nothing was
// done.
func TestCallsThatComeTooEarlyAreBounded(t *testing.T) {
	w := newWorld(1, "a1", "b1", "c1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	leader := w.leader()
	c, from := leader.core, w.hosts["b1"].self
	if from == leader.self {
		from = w.hosts["c1"].self
	}
	c.phase = Electing
	request := make([]byte, 1<<20)
	for seq := range uint64(70) {
		c.callFrom(from, &wire.Call{Term: c.term, Seq: seq, Request: request})
	}
	told := 0
	for _, p := range c.outbox.packets[from.Name] {
		if p.GetAnswered().GetOverloaded() {
			told++
		}
	}
	if len(c.book.backlog) != 63 || told != 7 || c.book.backlogBytes > maxBacklog {
		t.Errorf("%d wait (%d bytes), %d were refused", len(c.book.backlog), c.book.backlogBytes, told)
	}
	if c.book.clearBacklog(); c.book.backlogBytes != 0 {
		t.Errorf("%d bytes count though nothing waits", c.book.backlogBytes)
	}
}

// TestWhatWaitsForATurnIsBounded: a callback does not return, and frames and casts come on. Beyond 64 MiB they are
// dropped and counted; afterwards everything goes on.
func TestWhatWaitsForATurnIsBounded(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		done := make(chan struct{})
		follower.hook("HandleCast", func() { <-done })
		follower.group.Cast("block")
		frame := bytes.Repeat([]byte{0}, 1<<20) // not readable, and dropped in its turn
		for range 60 {
			follower.group.Deliver(leader.group.cfg.Self, frame)
			follower.group.LeaderCast(frame)
		}
		waits := follower.group.inbox.bytes.Load()
		close(done)
		synctest.Wait()
		if waits > maxInbox {
			t.Errorf("%d bytes waited", waits)
		}
		in, err := follower.group.Inspect(within(t, time.Second))
		if err != nil || in.Dropped < 56 || follower.group.inbox.bytes.Load() != 0 {
			t.Errorf("%d dropped, %d bytes count though nothing waits, %v", in.Dropped, follower.group.inbox.bytes.Load(), err)
		}
		if _, err := follower.call("goes on"); err != nil {
			t.Error(err)
		}
	})
}

// TestASnapshotEndsWithItsLeader: a Restore that reads the state of a leader which is lost fails, and the next leader's
// takes its place. Whatever it has read is not installed.
func TestASnapshotEndsWithItsLeader(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		if _, err := leader.call(strings.Repeat("x", 3<<20)); err != nil { // a dozen chunks
			t.Fatal(err)
		}
		follower.stop()
		reading := make(chan struct{})
		again := n.start(follower.group.cfg.Self.Name, 100, func(m *member) {
			m.hooks["Restore"] = func() { <-reading }
		})
		actorstest.Sleep(300 * time.Millisecond)
		if index(again.since(), "Restore") < 0 {
			t.Fatal("no snapshot is on its way")
		}
		leader.stop()
		n.mu.Lock()
		delete(n.members, leader.group.cfg.Self.Name)
		n.mu.Unlock()
		again.group.LinkDown(leader.group.cfg.Self, true)
		for _, m := range n.members {
			m.group.LinkDown(leader.group.cfg.Self, true)
		}
		synctest.Wait()
		close(reading)
		actorstest.Sleep(2 * time.Second)
		if told := again.since(); index(told, "Restore") < 0 || again.group.Err() != nil {
			t.Errorf("told %q, ended: %v", told, again.group.Err())
		}
		if len(again.applied) == 0 || len(again.applied[0]) != 3<<20 {
			t.Error("the state is not there")
		}
	})
}

// TestARestoreMayReadTooLittle: what it leaves is read for it, or the stream would never end.
func TestARestoreMayReadTooLittle(t *testing.T) {
	chunks := []feedImage{{data: []byte("one")}, {data: []byte("two")}, {last: true}}
	used := 0
	r := &imageReader{ctx: t.Context(), chunks: make(chan feedImage, len(chunks)), used: func() { used++ }}
	for _, c := range chunks {
		r.chunks <- c
	}
	if _, err := r.run(Defaults{}); err != nil || used != 3 {
		t.Errorf("%d used, %v", used, err)
	}
}

// TestAnImageIsCutIntoChunks of one size, whatever its writes are like, and passed on only when asked for.
func TestAnImageIsCutIntoChunks(t *testing.T) {
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize + 7} {
		var got []byte
		var chunks, last int
		w := &imageWriter{ctx: t.Context(), wanted: make(chan struct{}, 8)}
		w.pass = func(data []byte, isLast bool) {
			got = append(got, data...)
			if chunks++; isLast {
				last = chunks
			} else if len(data) != chunkSize {
				t.Errorf("%d bytes: a chunk of %d", size, len(data))
			}
		}
		for range cap(w.wanted) {
			w.wanted <- struct{}{}
		}
		want := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		if err := w.run(bytes.NewReader(want)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) || last != chunks {
			t.Errorf("%d bytes came as %d, in %d chunks, of which the last was number %d", size, len(got), chunks, last)
		}
	}
	failing := &imageWriter{ctx: t.Context(), wanted: make(chan struct{}, 1), pass: func([]byte, bool) {}}
	if err := failing.run(broken{}); !errors.Is(err, errStop) {
		t.Error(err)
	}
}

type broken struct{}

func (broken) WriteTo(io.Writer) (int64, error) { return 0, errStop }

// TestWhatTheTransportRefusesIsSentAgain: while it takes nothing for the leader a call waits, and nothing of it is
// uncertain; then it is done.
func TestWhatTheTransportRefusesIsSentAgain(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		full := errors.New("the peer takes messages too slowly")
		var refusing atomic.Bool
		follower.stop()
		n.mu.Lock()
		delete(n.members, follower.group.cfg.Self.Name)
		n.mu.Unlock()
		again := n.startWith(follower.group.cfg.Self.Name, 100, nil, func(cfg *Config) {
			send := cfg.Send
			cfg.Send = func(to string, frame []byte) error {
				if refusing.Load() {
					return full
				}
				return send(to, frame)
			}
		})
		actorstest.Sleep(2 * time.Second)
		if _, err := again.call("before"); err != nil {
			t.Fatal(err)
		}
		refusing.Store(true)
		answer := make(chan error, 1)
		go func() {
			_, err := again.call("meanwhile")
			answer <- err
		}()
		actorstest.Sleep(300 * time.Millisecond)
		if index(leader.since(), "HandleLeaderCall meanwhile") >= 0 {
			t.Fatal("it was sent")
		}
		refusing.Store(false)
		if err := <-answer; err != nil {
			t.Error(err)
		}
		done := 0
		for _, message := range again.applied {
			if message == "meanwhile" {
				done++
			}
		}
		if done != 1 {
			t.Errorf("done %d times", done)
		}
		refusing.Store(true)
		if _, err := again.call("in vain"); !errors.Is(err, ErrNoLeader) || errors.Is(err, ErrUncertain) {
			t.Errorf("a call that was never sent: %v", err)
		}
	})
}

// TestFramesOfAHubCountToo: a group of a hub has the same bound, and nothing counts when nothing waits.
func TestFramesOfAHubCountToo(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		members := n.open("orders")
		actorstest.Sleep(2 * time.Second)
		if err := followerOf(t, members).call("x"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for name, m := range members {
			if waits := m.group.inbox.bytes.Load(); waits != 0 {
				t.Errorf("%s: %d bytes count though nothing waits", name, waits)
			}
		}
	})
}
