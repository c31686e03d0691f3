package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/gendac/gendac/examples/pair/observer"
)

const answerWithin = 5 * time.Second

// A judge is the observer process and the line to it.
type judge struct {
	*child
	hello   observer.Hello
	answers chan []byte // closed when the observer has ended
}

func startJudge(dir string) (*judge, error) {
	out, in := io.Pipe()
	process, err := spawn("observer", filepath.Join(dir, "observer.log"), in, "observer")
	if err != nil {
		return nil, err
	}
	j := &judge{child: process, answers: make(chan []byte)}
	go func() {
		<-process.ended
		_ = in.Close()
	}()
	go func() {
		defer close(j.answers)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			j.answers <- append([]byte(nil), lines.Bytes()...)
		}
	}()
	return j, j.read(&j.hello)
}

// read takes the next line the observer wrote.
func (j *judge) read(into any) error {
	timer := time.NewTimer(answerWithin)
	defer timer.Stop()
	select {
	case line, ok := <-j.answers:
		if !ok {
			return fmt.Errorf("observer ended: %v", tail(j.log, 1))
		}
		if err := json.Unmarshal(line, into); err != nil {
			return fmt.Errorf("observer said %q: %w", line, err)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("observer said nothing for %s", answerWithin)
	}
}

// ask returns what was observed, with the spells of epoch from and later.
func (j *judge) ask(from uint64) (observer.Report, error) {
	var r observer.Report
	line, err := json.Marshal(observer.Question{From: from})
	if err != nil {
		return r, err
	}
	if _, err := j.stdin.Write(append(line, '\n')); err != nil {
		return r, errors.Join(fmt.Errorf("observer: %w", err), j.read(&r))
	}
	return r, j.read(&r)
}
