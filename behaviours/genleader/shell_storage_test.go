package genleader

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// heldStorage keeps everything in memory, as long as the test holds on to it.
type heldStorage struct {
	id uint64

	mu     sync.Mutex
	kept   Stored
	image  []byte
	takes  time.Duration // of each Save
	err    error         // what Save returns
	unkept error         // what SaveSnapshot returns
	closed int
}

func (s *heldStorage) ID() uint64 { return s.id }

func (s *heldStorage) Load() (*Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, image := s.kept, s.image
	kept.OpenImage = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(image)), nil }
	return &kept, nil
}

func (s *heldStorage) Save(writes []Write) error {
	s.mu.Lock()
	takes := s.takes
	s.mu.Unlock()
	time.Sleep(takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for _, w := range writes {
		if w.Snapshot != nil {
			var image bytes.Buffer
			if _, err := w.Image.WriteTo(&image); err != nil {
				return err
			}
			s.image = image.Bytes()
		}
		if err := s.kept.Add(w); err != nil {
			return err
		}
	}
	return nil
}

func (s *heldStorage) SaveSnapshot(snapshot *raftpb.Snapshot, image Image) (uint64, error) {
	var written bytes.Buffer
	if _, err := image.WriteTo(&written); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unkept != nil {
		return 0, s.unkept
	}
	s.kept.Put(snapshot)
	s.image = written.Bytes()
	return uint64(written.Len()), nil
}

func (s *heldStorage) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

func (s *heldStorage) set(change func(s *heldStorage)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// inDurableNet is inNet with a storage for each member.
func inDurableNet(t *testing.T, f func(t *testing.T, n *net, storages map[string]*heldStorage)) {
	t.Helper()
	inDurableNetWith(t, func(*Config) {}, f)
}

func inDurableNetWith(t *testing.T, change func(*Config), f func(t *testing.T, n *net, storages map[string]*heldStorage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &net{t: t, names: []string{"a1", "b1", "c1"}, members: map[string]*member{}, cuts: map[[2]string]bool{}}
		storages := map[string]*heldStorage{}
		for i, name := range n.names {
			storages[name] = &heldStorage{id: uint64(i + 1)}
			n.startWith(name, uint64(i+1), nil, func(c *Config) {
				c.Storage = storages[name]
				change(c)
			})
		}
		actorstest.Sleep(2 * time.Second)
		f(t, n, storages)
		for _, m := range n.members {
			m.stop()
		}
		actorstest.Sleep(10 * time.Second)
		for name, s := range storages {
			s.set(func(s *heldStorage) {
				if s.closed == 0 {
					t.Errorf("the storage of %s was not closed", name)
				}
			})
		}
	})
}

// lose makes the net forget members that have ended.
func (n *net) lose(names ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, name := range names {
		delete(n.members, name)
	}
}

func callOf(m *member, request string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, err := m.group.LeaderCall(ctx, []byte(request))
	return err
}

// TestAMemberGoesOnFromItsStorage: every process ends, and others take up what they kept, under the same ids.
func TestAMemberGoesOnFromItsStorage(t *testing.T) {
	inDurableNet(t, func(t *testing.T, n *net, storages map[string]*heldStorage) {
		leader, _ := n.roles()
		for _, request := range []string{"one", "two", "three"} {
			if err := callOf(leader, request); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range n.names {
			n.members[name].stop()
		}
		actorstest.Sleep(time.Second)
		n.lose(n.names...)
		for i, name := range n.names {
			n.startWith(name, uint64(i+11), nil, func(c *Config) { c.Storage = storages[name] })
		}
		actorstest.Sleep(2 * time.Second)
		leader, _ = n.roles()
		if err := callOf(leader, "four"); err != nil {
			t.Fatal(err)
		}
		actorstest.Sleep(time.Second)
		synctest.Wait()
		for name, m := range n.members {
			m.mu.Lock()
			if got := strings.Join(m.applied, " "); !strings.HasSuffix(got, "one two three four") {
				t.Errorf("%s has %q", name, got)
			}
			m.mu.Unlock()
		}
	})
}

// TestOneWaitForTheDiskServesEverybody: calls that come while the disk writes are written together afterwards.
func TestOneWaitForTheDiskServesEverybody(t *testing.T) {
	inDurableNet(t, func(t *testing.T, n *net, storages map[string]*heldStorage) {
		leader, _ := n.roles()
		for _, s := range storages {
			s.set(func(s *heldStorage) { s.takes = 10 * time.Millisecond })
		}
		var all sync.WaitGroup
		const callers = 200
		for range callers {
			all.Go(func() {
				if err := callOf(leader, "x"); err != nil {
					t.Error(err)
				}
			})
		}
		began := time.Now()
		all.Wait()
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("%d calls took %v with a disk that needs 10 ms for a write", callers, took)
		}
	})
}

// TestAStorageThatFailsEndsItsMemberOnly: the member says why, nobody else minds, and what was acknowledged is there.
func TestAStorageThatFailsEndsItsMemberOnly(t *testing.T) {
	inDurableNet(t, func(t *testing.T, n *net, storages map[string]*heldStorage) {
		leader, _ := n.roles()
		if err := callOf(leader, "before"); err != nil {
			t.Fatal(err)
		}
		full := errors.New("no space left on device")
		name := leader.group.cfg.Self.Name
		storages[name].set(func(s *heldStorage) { s.err = full })
		err := callOf(leader, "meanwhile")
		if !errors.Is(err, ErrUncertain) || !errors.Is(err, ErrStopped) {
			t.Errorf("the call in the midst of it: %v", err)
		}
		<-leader.group.Done()
		if err := leader.group.Err(); !errors.Is(err, ErrStorage) || !errors.Is(err, full) {
			t.Errorf("it ended with %v", err)
		}
		if v := leader.group.View(); !strings.Contains(v.Problem, full.Error()) || v.Phase == Leading {
			t.Errorf("its last view is %v", v)
		}
		n.lose(name)
		for _, m := range n.members {
			m.group.LinkDown(leader.group.cfg.Self, true)
		}
		actorstest.Sleep(time.Second)
		for _, m := range n.members {
			if err := callOf(m, "after"); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestASnapshotThatIsNotKeptEndsNobody: the log is still there. The view says so until one is kept.
func TestASnapshotThatIsNotKeptEndsNobody(t *testing.T) {
	keepingOften := func(c *Config) { c.SnapshotBytes = 100 }
	inDurableNetWith(t, keepingOften, func(t *testing.T, n *net, storages map[string]*heldStorage) {
		leader, _ := n.roles()
		storage := storages[leader.group.cfg.Self.Name]
		unkept := errors.New("too many open files")
		storage.set(func(s *heldStorage) { s.unkept = unkept })
		call := func() {
			for range 10 {
				if err := callOf(leader, strings.Repeat("x", 50)); err != nil {
					t.Fatal(err)
				}
			}
			actorstest.Sleep(time.Second)
		}
		call()
		if v := leader.group.View(); v.Phase != Leading || !strings.Contains(v.Problem, unkept.Error()) {
			t.Errorf("its view is %v", v)
		}
		storage.set(func(s *heldStorage) { s.unkept = nil })
		call()
		if v := leader.group.View(); v.Phase != Leading || v.Problem != "" {
			t.Errorf("once a snapshot is kept its view is %v", v)
		}
	})
}

// TestADiskThatHangsHoldsUpNobody: the leader's own disk does not answer, and the others are a majority without it. The end
// of the group does not wait for it for ever either.
func TestADiskThatHangsHoldsUpNobody(t *testing.T) {
	inDurableNet(t, func(t *testing.T, n *net, storages map[string]*heldStorage) {
		leader, follower := n.roles()
		storages[leader.group.cfg.Self.Name].set(func(s *heldStorage) { s.takes = 20 * time.Second })
		for range 3 {
			if err := callOf(follower, "x"); err != nil {
				t.Error(err)
			}
		}
		if v := leader.group.View(); v.Phase != Leading {
			t.Errorf("the leader has become %v", v.Phase)
		}
		began := time.Now()
		leader.stop()
		synctest.Wait()
		if err := callOf(leader, "late"); !errors.Is(err, ErrStopped) {
			t.Errorf("a call of a member that has ended: %v", err)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("the call waited %v for the disk", took)
		}
		<-leader.group.Done()
		if took := time.Since(began); took > closeWithin {
			t.Errorf("its end took %v", took)
		}
		n.lose(leader.group.cfg.Self.Name)
		actorstest.Sleep(30 * time.Second) // for the disk
	})
}

// TestAnImageThatPanicsIsAnError, and not the end of the process.
func TestAnImageThatPanicsIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports := make(chan event, 1)
		w := newWriter(&heldStorage{}, func(e event) { reports <- e })
		defer w.end()
		w.keepImage(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: new(uint64(3))}}, panickingImage{})
		kept, ok := (<-reports).(imageKept)
		if failure := (*process.PanicError)(nil); !ok || kept.index != 3 || !errors.As(kept.err, &failure) {
			t.Errorf("reported %v", kept)
		}
	})
}

type panickingImage struct{}

func (panickingImage) WriteTo(io.Writer) (int64, error) { panic("no") }
