package genleader

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// FuzzHubFrame lets a linked peer say anything. Whatever it is, a group is told of no link that it is not told the end of,
// gets frames of a linked incarnation only, and the hub goes on to serve another peer.
func FuzzHubFrame(f *testing.F) {
	for _, parts := range [][]*wire.Part{
		nil,
		{openedPart("orders", 7)},
		{openedPart("orders", 7), closedPart("orders", 7), openedPart("orders", 8)},
		{{What: &wire.Part_Listing{Listing: &wire.Listing{Changes: 3, Open: []*wire.Opened{{Group: "orders", Incarnation: 7}, {Group: "orders", Incarnation: 9}}}}}},
		{openedPart("orders", 7), {What: &wire.Part_Data{Data: &wire.Data{Group: "orders", Incarnation: 7, Frame: []byte("x")}}}},
		{{What: &wire.Part_Ask{Ask: &wire.Ask{}}}, {}},
	} {
		data, err := proto.Marshal(&wire.HubFrame{Changes: 3, Parts: parts})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{0xff, 0x00, 0x12})
	f.Fuzz(func(t *testing.T, data []byte) {
		frame := &wire.HubFrame{}
		if proto.Unmarshal(data, frame) != nil {
			return
		}
		now := time.Unix(1000, 0)
		c := newHubCore(now)
		timing := Timing{}
		timing.setDefaults()
		c.step(now, groupOpened{"orders", opening{incarnation: 1, timing: timing, mayHibernate: true}})
		links := map[string]uint64{}
		judge := func(effects []hubEffect) {
			for _, e := range effects {
				switch e := e.(type) {
				case tellGroup:
					judgeLink(t, links, e)
				case deliver:
					if e.group != "orders" || links[e.from.Name] != e.from.Incarnation {
						t.Fatalf("%v, linked with %v", e, links)
					}
				case say, heartbeatPeer, hubTimer:
				}
			}
		}
		judge(c.step(now, peerUp{Member{"b1", 200}}))
		judge(c.step(now, peerUp{Member{"c1", 300}}))
		judge(c.step(now, framed{Member{"b1", 200}, frame}))
		judge(c.step(now, framed{Member{"b1", 200}, frame}))
		judge(c.step(now, framed{Member{"c1", 300}, &wire.HubFrame{Changes: 1, Parts: []*wire.Part{openedPart("orders", 5)}}}))
		if links["c1"] != 5 {
			t.Fatalf("the other peer is not served: %v", links)
		}
		judge(c.step(now, peerDown{Member{"b1", 200}, true}))
		if links["b1"] != 0 {
			t.Fatalf("the link to b1@%d was not ended", links["b1"])
		}
	})
}

func judgeLink(t *testing.T, links map[string]uint64, e tellGroup) {
	t.Helper()
	switch what := e.what.(type) {
	case linkUp:
		if links[what.member.Name] != 0 || what.member.Incarnation == 0 {
			t.Fatalf("%v, linked with %v", e, links)
		}
		links[what.member.Name] = what.member.Incarnation
	case linkDown:
		if links[what.member.Name] == what.member.Incarnation {
			delete(links, what.member.Name)
		}
	default:
		t.Fatalf("told %v", e)
	}
}
