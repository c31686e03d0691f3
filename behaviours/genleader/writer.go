package genleader

import (
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// closeWithin is how long the end of a group waits for its storage. A disk that hangs holds up no more than that.
const closeWithin = 5 * time.Second

// writer brings a storage what waits, all of it at once, so that one wait for the disk serves everybody. No turn of the
// group ever waits for it.
type writer struct {
	storage Storage
	report  func(event)

	mu      sync.Mutex
	waiting []save
	wake    chan struct{} // holds one token while something waits or the end has come
	ending  bool
	images  sync.WaitGroup
	ended   chan struct{}
}

func newWriter(storage Storage, report func(event)) *writer {
	w := &writer{storage: storage, report: report, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go w.run()
	return w
}

func (w *writer) save(s save) {
	w.mu.Lock()
	w.waiting = append(w.waiting, s)
	w.mu.Unlock()
	w.signal()
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) keepImage(snapshot *raftpb.Snapshot, image Image) {
	w.images.Go(func() {
		kept := imageKept{index: snapshot.GetMetadata().GetIndex()}
		func() {
			defer recoverInto(&kept.err)
			kept.size, kept.err = w.storage.SaveSnapshot(snapshot, image)
		}()
		w.report(kept)
	})
}

// end lets what is being written be finished, closes the storage, and waits for that no longer than closeWithin. What
// still waits is dropped: nobody was promised anything for it.
func (w *writer) end() {
	w.mu.Lock()
	w.ending = true
	w.mu.Unlock()
	w.signal()
	timer := time.NewTimer(closeWithin)
	defer timer.Stop()
	select {
	case <-w.ended:
	case <-timer.C:
	}
}

func (w *writer) run() {
	defer close(w.ended)
	for range w.wake {
		w.mu.Lock()
		batch, ending := w.waiting, w.ending
		w.waiting = nil
		w.mu.Unlock()
		if ending {
			break
		}
		if len(batch) == 0 {
			continue
		}
		writes := make([]Write, len(batch))
		for i, s := range batch {
			writes[i] = s.write
		}
		w.report(saved{seq: batch[len(batch)-1].seq, err: w.store(writes)})
	}
	w.images.Wait()
	_ = w.storage.Close() // everything that anybody was told of is on disk
}

func (w *writer) store(writes []Write) (err error) {
	defer recoverInto(&err) // an image is the behaviour's code
	return w.storage.Save(writes)
}

// save hands a write to the writer. With a snapshot goes the state that this member has now.
func (s *shell) save(e save) {
	if e.write.Snapshot != nil {
		image, err := s.group.cfg.Behaviour.Snapshot()
		if err != nil {
			s.again(saved{seq: e.seq, err: err})
			return
		}
		e.write.Image = image
	}
	s.writer.save(e)
}

func (s *shell) keepImage(e keepImage) {
	image, err := s.group.cfg.Behaviour.Snapshot()
	if err != nil {
		s.again(imageKept{index: e.snapshot.GetMetadata().GetIndex(), err: err})
		return
	}
	s.writer.keepImage(e.snapshot, image)
}
