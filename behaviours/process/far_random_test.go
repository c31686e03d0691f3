package process_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"pgregory.net/rapid"
)

// TestRandomLinksAcrossMembersEndOnceAtBothEnds lets actors of two members link, unlink and end while frames are lost, and
// members lose each other. When it is quiet again both ends of each link agree that there is one, nobody has heard of an
// end twice or of one that was not, and when one member's actors end all the others' links end.
func TestRandomLinksAcrossMembersEndOnceAtBothEnds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		script := rapid.SliceOfN(rapid.Uint16(), 5, 60).Draw(rt, "script")
		var problem string // rapid must fail outside of the bubble
		runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
			m := &mesh{t: t, w: w, systems: []*actor.ActorSystem{a, b}}
			problem = m.run(script)
		})
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// mesh is three actors that trap exits on each of two members.
type mesh struct {
	t       *testing.T
	w       *world
	systems []*actor.ActorSystem
	actors  [2][3]*ears
	ended   [2][3]bool
	log     []string
}

func (m *mesh) address(side int) string { return []string{"a:1", "b:1"}[side] }

func (m *mesh) run(script []uint16) string {
	for side, system := range m.systems {
		for i := range m.actors[side] {
			m.actors[side][i] = trapping(system, nil)
		}
	}
	frames, lossy := 0, 0
	m.w.lose = func([]byte) bool { frames++; return lossy > 0 && frames%4 < lossy }
	for _, word := range script {
		m.act(int(word), &lossy)
	}
	m.w.mu.Lock()
	lossy, m.w.cut = 0, false
	m.w.mu.Unlock()
	time.Sleep(time.Hour)
	if problem := m.agree(); problem != "" {
		return problem
	}
	for i := range m.actors[1] {
		m.end(1, i)
	}
	time.Sleep(time.Hour)
	for i, e := range m.actors[0] {
		if n := m.links(0, i); n != 0 {
			return m.report("actor %d of a has %d links to the dead", i, n)
		}
		if problem := m.once(e); problem != "" {
			return problem
		}
	}
	return ""
}

func (m *mesh) act(word int, lossy *int) {
	side, i, j := word%2, word/2%3, word/6%3
	from := m.actors[side][i].pid
	to := actor.NewPID(m.address(1-side), m.actors[1-side][j].pid.Id)
	what := []string{"link", "link", "link", "unlink", "end", "lose", "wait", "cut"}[word/18%8]
	m.log = append(m.log, fmt.Sprintf("%s %d.%d %d.%d", what, side, i, 1-side, j))
	switch what {
	case "link":
		m.systems[side].Root.Send(from, do(func(ctx actor.Context) { process.Link(ctx, to) }))
	case "unlink":
		m.systems[side].Root.Send(from, do(func(ctx actor.Context) { process.Unlink(ctx, to) }))
	case "end":
		m.end(side, i)
	case "lose":
		m.w.mu.Lock()
		*lossy = word / 144 % 4
		m.w.mu.Unlock()
	case "wait":
		time.Sleep(time.Duration(word/144%20) * 100 * time.Millisecond)
	case "cut":
		m.w.sever("a:1", "b:1")
		synctest.Wait()
		m.w.mu.Lock()
		m.w.cut = false
		m.w.mu.Unlock()
	}
	if word/144%3 == 0 {
		synctest.Wait()
	}
}

func (m *mesh) end(side, i int) {
	m.ended[side][i] = true
	m.systems[side].Root.Send(m.actors[side][i].pid, exitWith{errOurs})
}

func (m *mesh) links(side, i int) int {
	synctest.Wait()
	info, err := process.Inspect(m.t.Context(), m.systems[side], m.actors[side][i].pid)
	if err != nil {
		return 0 // it has ended
	}
	return info.Links
}

// agree compares how many links each member's actors have, all together.
func (m *mesh) agree() string {
	var sums [2]int
	for side := range m.actors {
		for i, e := range m.actors[side] {
			sums[side] += m.links(side, i)
			if problem := m.once(e); problem != "" {
				return problem
			}
		}
	}
	// Two that linked each other at once have two entries at either end, and so the sums are equal all the same.
	if sums[0] != sums[1] {
		return m.report("a's actors have %d links and b's %d", sums[0], sums[1])
	}
	return ""
}

// once wants the end of each actor to be heard of no more than once, unless it was linked to again after its end.
func (m *mesh) once(e *ears) string {
	seen := map[string]int{}
	for _, what := range e.heard() {
		if strings.HasSuffix(what, errOurs.Error()) {
			seen[what]++
		}
	}
	for what, n := range seen {
		if n > 1 {
			return m.report("%s heard %d times: %s", e.pid.Id, n, what)
		}
	}
	for side := range m.actors {
		for i, other := range m.actors[side] {
			if !m.ended[side][i] && seen[other.pid.Id+" ended: "+errOurs.Error()] > 0 && m.address(side) != e.pid.Address {
				return m.report("%s heard of the end of %d.%d, which lives", e.pid.Id, side, i)
			}
		}
	}
	return ""
}

func (m *mesh) report(format string, args ...any) string {
	return fmt.Sprintf(format, args...) + "\nafter " + strings.Join(m.log, "; ")
}
