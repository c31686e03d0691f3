package observer

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"
)

// TestTranscripts plays acts, one per line as "MS member/pid epoch start n left_ms", and shows what the judge made of them.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/judge", func(t *testing.T, path string) {
		var j Judge
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			switch d.Cmd {
			case "acts":
				for line := range strings.Lines(d.Input) {
					var a Act
					var ms, left int64
					line = strings.TrimSpace(strings.ReplaceAll(line, "/", " "))
					if _, err := fmt.Sscan(line, &ms, &a.Member, &a.PID, &a.Epoch, &a.Start, &a.N, &left); err != nil {
						d.Fatalf(t, "%q: %v", line, err)
					}
					a.Left = left * 1000
					var v Verdict
					j, v = Step(j, Micros(ms*1000), a)
					fmt.Fprintf(&out, "%d %s %s\n", ms, a.Member, v)
				}
			case "spells":
				for _, s := range j.Spells {
					fmt.Fprintf(&out, "%s/%d epoch=%d %s acts=%d n=%d..%d at=%g..%g until=%g silence=%g outage=%g margin=%g fenced=%d\n",
						s.Member, s.PID, s.Epoch, s.Start, s.Acts, s.FirstN, s.LastN, s.First.Millis(), s.Last.Millis(),
						s.Until.Millis(), s.Silence.Millis(), s.Outage.Millis(), s.Margin.Millis(), s.Fenced)
				}
				fmt.Fprintf(&out, "fenced=%d overlaps=%d\n", j.Fenced, j.Overlaps)
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			return out.String()
		})
	})
}

func drawActs(t *rapid.T) []Act {
	return rapid.SliceOf(rapid.Custom(func(t *rapid.T) Act {
		return Act{
			Member: rapid.SampledFrom([]string{"a1", "b1"}).Draw(t, "member"),
			PID:    rapid.IntRange(1, 2).Draw(t, "pid"),
			Epoch:  rapid.Uint64Range(1, 5).Draw(t, "epoch"),
			Left:   rapid.Int64Range(0, 1000).Draw(t, "left"),
		}
	})).Draw(t, "acts")
}

func TestWhateverArrivesOneProcessHoldsAnEpochAndEpochsOnlyRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var j Judge
		holder := map[uint64]string{}
		var highest, accepted uint64
		acts := drawActs(t)
		for i, a := range acts {
			before := Judge{Spells: append([]Spell(nil), j.Spells...), Fenced: j.Fenced, Overlaps: j.Overlaps}
			was := j
			next, v := Step(j, Micros(i), a)
			if len(was.Spells) != 0 && !reflect.DeepEqual(was, before) {
				t.Fatalf("Step changed the judge it was given: %+v, was %+v", was, before)
			}
			j = next
			if v != Began && v != Accepted {
				continue
			}
			accepted++
			who := fmt.Sprint(a.Member, a.PID)
			if a.Epoch < highest {
				t.Fatalf("accepted epoch %d after %d", a.Epoch, highest)
			}
			if holder[a.Epoch] != "" && holder[a.Epoch] != who {
				t.Fatalf("accepted %s and %s in epoch %d", holder[a.Epoch], who, a.Epoch)
			}
			highest, holder[a.Epoch] = a.Epoch, who
		}
		var inSpells uint64
		for _, s := range j.Spells {
			inSpells += s.Acts
		}
		if inSpells != accepted || accepted+j.Fenced+j.Overlaps != uint64(len(acts)) {
			t.Fatalf("%d acts: %d accepted, %d in spells, %d fenced, %d overlaps", len(acts), accepted, inSpells, j.Fenced, j.Overlaps)
		}
	})
}

func TestDecodeRefusesWhatNoApplicationSends(t *testing.T) {
	good := Act{Member: "a1", PID: 7, Epoch: 1, Start: "normal", N: 3, Left: 900}
	text, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := Decode(text); err != nil || a != good {
		t.Errorf("Decode(%s) = %+v, %v", text, a, err)
	}
	late := `{"member":"a1","pid":7,"epoch":1,"left_us":-250}`
	if a, err := Decode([]byte(late)); err != nil || a.Left != -250 {
		t.Errorf("Decode(%s) = %+v, %v: a process may be paused between asking and acting", late, a, err)
	}
	for _, bad := range []string{
		"", "hello", "null", "{}", `{"member":"a1","pid":1}`, `{"member":"a1","pid":1,"epoch":-1}`,
		`{"member":"a1","pid":1,"epoch":1,"left_us":-9223372036854775808}`, `{"member":"a1","pid":1,"epoch":1,"left_us":86400000001}`, `{"member":"","pid":1,"epoch":1}`, strings.Repeat(" ", maxAct) + string(text),
	} {
		if a, err := Decode([]byte(bad)); err == nil {
			t.Errorf("Decode(%.40q) = %+v, want an error", bad, a)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"member":"a1","pid":7,"epoch":1,"start":"normal","n":3,"left_us":900}`))
	f.Add([]byte("\x00\xff"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		a, err := Decode(datagram)
		if err == nil && (a.Member == "" || a.PID <= 0 || a.Epoch == 0 || a.Left < -maxLeft || a.Left > maxLeft) {
			t.Fatalf("accepted %+v", a)
		}
	})
}
