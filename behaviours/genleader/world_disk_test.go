package genleader

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

var errDisk = errors.New("no space left on device")

// modelDisk is what survives of a member: a write is there when it was synced, and may be there when it was under way.
type modelDisk struct {
	w       *world
	id      uint64
	kept    Stored
	image   string // of the kept snapshot
	waiting []save
	writing []save
	broken  bool
	delay   time.Duration // of every write, besides the random latency
}

func (h *host) save(s save) {
	if s.write.Snapshot != nil {
		s.write.Image = strings.NewReader(strings.Join(h.applied, " "))
	}
	h.disk.waiting = append(h.disk.waiting, s)
	h.write()
}

// write syncs everything that waits at once, while the host goes on.
func (h *host) write() {
	d, w := h.disk, h.w
	if len(d.writing) > 0 || len(d.waiting) == 0 {
		return
	}
	d.writing, d.waiting = d.waiting, nil
	w.after(d.delay+w.latency(), func() {
		if h.gone {
			return // see crash
		}
		last := d.writing[len(d.writing)-1].seq
		if d.broken {
			h.take(saved{seq: last, err: errDisk})
			return
		}
		d.sync()
		h.take(saved{seq: last})
		h.write()
	})
}

func (d *modelDisk) sync() {
	for _, s := range d.writing {
		if err := d.kept.Add(s.write); err != nil {
			d.w.unsafe = append(d.w.unsafe, err.Error())
		}
		if s.write.Snapshot != nil {
			var image strings.Builder
			_, _ = s.write.Image.WriteTo(&image)
			d.image = image.String()
		}
	}
	d.writing = nil
}

// crash loses what waits, and what was being written too, unless a toss of a coin saves it.
func (d *modelDisk) crash() {
	if d.w.tosses && d.w.random(2) == 0 {
		d.sync()
	}
	d.writing, d.waiting = nil, nil
}

func (h *host) keepImage(e keepImage) {
	image := strings.Join(h.applied, " ")
	h.w.after(h.w.latency(), func() {
		if h.gone {
			return
		}
		h.disk.kept.Put(e.snapshot)
		h.disk.image = image
		h.take(imageKept{index: e.snapshot.GetMetadata().GetIndex(), size: uint64(len(image))})
	})
}

func (h *host) restoreKept() {
	h.applied = strings.Fields(h.disk.image)
	h.told = append(h.told, fmt.Sprintf("restored %d", len(h.applied)))
}

// withDisk makes a host go on from its member's disk, if members have disks.
func (h *host) withDisk(s *settings) {
	w := h.w
	if !w.durable {
		return
	}
	d := w.disks[h.self.Name]
	if d == nil {
		d = &modelDisk{w: w, id: h.self.Incarnation}
		w.disks[h.self.Name] = d
	}
	kept := Stored{Snapshot: d.kept.Snapshot, Entries: slices.Clone(d.kept.Entries), State: d.kept.State}
	if err := kept.Settle(); err != nil {
		w.unsafe = append(w.unsafe, err.Error())
	}
	h.disk, s.id, s.durable, s.keepEvery = d, d.id, true, 2000
	if !kept.Empty() {
		s.kept = &kept
	}
}

func (w *world) checkLeasesOf(leader *host) {
	for who, until := range w.held {
		if !w.now.Before(until) {
			delete(w.held, who)
		} else if countsAsSafe(leader.view, who, w.now) {
			w.unsafe = append(w.unsafe, fmt.Sprintf("%s: %v counts %v as safe, whose lease runs for %v more",
				sinceStart(w.now), leader.self, who, until.Sub(w.now)))
		}
	}
}

// disk carries out the commands about disks. It says whether cmd was one.
func (w *world) disk(t *testing.T, d *datadriven.TestData, args []string) bool {
	t.Helper()
	switch d.Cmd {
	case "kill-all":
		for _, name := range w.names {
			w.kill(name)
		}
	case "disk-takes": // DURATION NAME...: each write of theirs, from now on
		for _, name := range args[1:] {
			w.disks[name].delay = duration(t, d, args[0])
		}
	case "disk-fails": // with its next write
		w.disks[args[0]].broken = true
	case "new-disk": // an empty one, while the member is down
		delete(w.disks, args[0])
	default:
		return false
	}
	return true
}

// TestRandomCrashes lets members of a group that keeps its log on disk pause, die, all of them at once too, return and
// lose each other. A crash loses what was not synced. What was acknowledged is there in the end, and no lease that was
// ever granted, whether its process lives or not, counts as ended while it runs.
func TestRandomCrashes(t *testing.T) {
	if *splitSeed != 0 {
		crashes(t, *splitSeed, 5)
		return
	}
	for seed := range uint64(*splitSeeds) {
		for _, size := range []int{3, 5} {
			crashes(t, seed+1, size)
		}
		if t.Failed() {
			t.Fatalf("repeat with -run TestRandomCrashes -seed %d", seed+1)
		}
	}
}

func crashes(t *testing.T, seed uint64, size int) {
	t.Helper()
	w := newWorld(seed, []string{"a1", "b1", "c1", "d1", "e1"}[:size]...)
	w.durable, w.tosses = true, true
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Duration(w.random(1000)) * time.Millisecond)
	calls := 0
	for range 40 {
		switch w.random(10) {
		case 0:
			w.heal()
		case 1, 2:
			w.kill(w.names[w.random(size)])
		case 3:
			for _, name := range w.names {
				w.kill(name)
			}
			for _, name := range w.names {
				if w.random(4) > 0 {
					w.start(name)
				}
			}
		case 4:
			for _, d := range w.disks {
				d.delay = time.Duration(w.random(3)*w.random(40)) * time.Millisecond
			}
		default:
			w.mischief()
		}
		for range w.random(4) {
			name := w.names[w.random(size)]
			if h := w.hosts[name]; !h.gone && !h.paused {
				calls++
				w.call(name, fmt.Sprintf("m%d", calls), time.Second)
			}
		}
		w.run(time.Duration(w.random(400)) * time.Millisecond)
	}
	w.calm()
	w.run(10 * w.timing.Election)
	w.judge(t, seed)
}

// TestAGroupThatReturnsWaitsForTheLeasesOfItsFormerProcesses: all of them die at once and return with their logs within
// a lease. The new leader cannot ask anybody when the former one was answered last, and must not take silence for never.
func TestAGroupThatReturnsWaitsForTheLeasesOfItsFormerProcesses(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(seed, "a1", "b1", "w1")
		w.durable = true
		for _, name := range w.names {
			w.start(name)
		}
		w.run(3 * time.Second)
		if len(w.held) != 3 {
			t.Fatalf("seed %d: %d leases", seed, len(w.held))
		}
		for _, name := range w.names {
			w.kill(name)
		}
		for _, name := range w.names {
			w.start(name)
		}
		led := false
		for range 1000 {
			w.run(time.Millisecond)
			led = led || (w.leader() != nil && len(w.held) > 0)
		}
		if !led {
			t.Errorf("seed %d: no leader came within the former leases, so this shows nothing", seed)
		}
		for _, problem := range w.unsafe {
			t.Errorf("seed %d: %s", seed, problem)
		}
	}
}
