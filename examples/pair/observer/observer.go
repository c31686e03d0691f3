// Package observer is the judge of the pair example. It runs in a process of its own and knows nothing about clusters:
// it imports the standard library only, listens to what the applications do, and says who acted, when, and who must not
// have.
//
//	application --UDP, one act per millisecond--> observer <--JSON lines on stdin and stdout--> driver
//
// The judge keeps the highest epoch it has seen and refuses acts of older ones: those are fenced. An outage is the time
// from the last accepted act of one epoch to the first of the next. Every act says how long its sender's lease had left,
// so the end of the last one's lease is the moment from which on a successor is safe whatever became of the sender.
// An overlap is an act by a second process in the epoch that holds. An older epoch is never accepted after a newer one.
//
// Times are those of arrival, on one clock. A datagram that the kernel drops looks like silence.
package observer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A Hello is the first line an observer writes.
type Hello struct {
	Addr string    `json:"addr"` // where acts are sent to, UDP
	Zero time.Time `json:"zero"` // the instant from which Micros count
}

// A Question is one line the driver writes.
type Question struct {
	From uint64 `json:"from"` // answer with the spells of this epoch and later ones
}

// A Report is the line that answers a Question.
type Report struct {
	Now       Micros  `json:"now_us"`
	Spells    []Spell `json:"spells"`
	Fenced    uint64  `json:"fenced"`
	Overlaps  uint64  `json:"overlaps"`
	Malformed uint64  `json:"malformed"`
}

const readBuffer = 4 << 20 // bytes; at one act per millisecond, seconds of a busy machine

type court struct {
	mu        sync.Mutex
	zero      time.Time
	judge     Judge
	malformed uint64
}

// Run listens on addr (host:port, UDP), says hello on out and answers questions from in until in ends. It returns nil then.
func Run(addr string, in io.Reader, out io.Writer) error {
	conn, err := listen(addr)
	if err != nil {
		return err
	}
	c := &court{zero: time.Now()}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		c.listen(conn)
	}()
	err = c.talk(conn.LocalAddr().String(), in, out)
	_ = conn.Close() // ends listen; nothing was written, so nothing can be lost
	<-heard
	return err
}

func listen(addr string) (*net.UDPConn, error) {
	at, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("observer: address %q: %w", addr, err)
	}
	conn, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, fmt.Errorf("observer: address %q: %w", addr, err)
	}
	_ = conn.SetReadBuffer(readBuffer) // the kernel may grant less
	return conn, nil
}

// listen judges every datagram until conn is closed.
func (c *court) listen(conn *net.UDPConn) {
	buf := make([]byte, maxAct+1)
	for {
		n, err := conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		at := time.Now()
		if err != nil {
			continue
		}
		c.hear(at, buf[:n])
	}
}

func (c *court) hear(at time.Time, datagram []byte) {
	act, err := Decode(datagram)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.malformed++
		return
	}
	c.judge, _ = Step(c.judge, Micros(at.Sub(c.zero).Microseconds()), act)
}

func (c *court) talk(addr string, in io.Reader, out io.Writer) error {
	enc := json.NewEncoder(out)
	if err := enc.Encode(Hello{Addr: addr, Zero: c.zero}); err != nil {
		return fmt.Errorf("observer: hello: %w", err)
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var q Question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return fmt.Errorf("observer: question %q: %w", lines.Text(), err)
		}
		if err := enc.Encode(c.report(q.From)); err != nil {
			return fmt.Errorf("observer: report: %w", err)
		}
	}
	return lines.Err()
}

func (c *court) report(from uint64) Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := Report{
		Now: Micros(time.Since(c.zero).Microseconds()), Spells: []Spell{},
		Fenced: c.judge.Fenced, Overlaps: c.judge.Overlaps, Malformed: c.malformed,
	}
	for _, s := range c.judge.Spells {
		if s.Epoch >= from {
			r.Spells = append(r.Spells, s)
		}
	}
	return r
}
