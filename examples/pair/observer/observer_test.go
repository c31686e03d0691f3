package observer

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask writes one question and reads its answer.
func ask(t *testing.T, w io.Writer, lines *bufio.Scanner) Report {
	t.Helper()
	if _, err := io.WriteString(w, `{"from":1}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() {
		t.Fatalf("no answer: %v", lines.Err())
	}
	var r Report
	if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestActsAreHeardAndReported(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Run("127.0.0.1:0", inR, outW) }()
	lines := bufio.NewScanner(outR)
	if !lines.Scan() {
		t.Fatal("no hello")
	}
	var hello Hello
	if err := json.Unmarshal(lines.Bytes(), &hello); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", hello.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, datagram := range []string{
		`{"member":"a1","pid":1,"epoch":1,"start":"normal","n":1,"left_us":1000}`,
		`garbage`,
		`{"member":"b1","pid":2,"epoch":2,"start":"failover(a1)","n":1,"left_us":1000}`,
		`{"member":"a1","pid":1,"epoch":1,"start":"normal","n":2,"left_us":1000}`,
	} {
		if _, err := conn.Write([]byte(datagram)); err != nil {
			t.Fatal(err)
		}
	}
	// Datagrams are judged in order, so the fenced one says that all have been heard. Every answer is an event, no sleep.
	var r Report
	for r.Fenced == 0 {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		r = ask(t, inW, lines)
	}
	if len(r.Spells) != 2 || r.Spells[1].Start != "failover(a1)" || r.Spells[0].Fenced != 1 || r.Malformed != 1 || r.Overlaps != 0 {
		t.Errorf("got %+v", r)
	}
	_ = inW.Close()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestABadQuestionAndABadAddressAreErrors(t *testing.T) {
	inR, inW := io.Pipe()
	go func() {
		_, _ = io.WriteString(inW, "what?\n")
		_ = inW.Close()
	}()
	if err := Run("127.0.0.1:0", inR, io.Discard); err == nil {
		t.Error("a question that is not JSON was accepted")
	}
	if err := Run("127.0.0.1:port", inR, io.Discard); err == nil {
		t.Error("a bad address was accepted")
	}
}
