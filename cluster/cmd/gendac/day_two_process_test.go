//go:build process

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/porttest"
)

const dayTwo = "../../../docs/day-two.md"

// TestTheDayTwoChapterPrintsWhatItSays runs the commands of the first section of docs/day-two.md and of one other in a
// shell, in an empty directory, and compares what they print with the page. So it does for each of the others. The ports of
// the page are replaced by free ones.
func TestTheDayTwoChapterPrintsWhatItSays(t *testing.T) {
	page, err := os.ReadFile(dayTwo)
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(page), "\n## ")[1:]
	_, first, _ := strings.Cut(sections[0], "\n")
	ran := 0
	for _, section := range sections[1:] {
		title, text, _ := strings.Cut(section, "\n")
		steps := consoleSteps(text)
		if len(steps) == 0 {
			continue
		}
		steps = append(consoleSteps(first), steps...)
		ran++
		t.Run(title, func(t *testing.T) {
			ports := newPortMap()
			sh := startShell(t)
			for _, s := range steps {
				command, err := ports.replace(s.command)
				if err != nil {
					t.Fatal(err)
				}
				got := ports.restore(sh.run(t, command))
				if !s.expects.MatchString(got) {
					t.Fatalf("$ %s\nprinted:\n%s\nthe page says:\n%s", s.command, got, s.output)
				}
			}
		})
	}
	if ran < 5 {
		t.Errorf("%d sections of the page have commands, want at least 5", ran)
	}
}

// A consoleStep is one command of a page, and what the page says that it prints.
type consoleStep struct {
	command, output string
	expects         *regexp.Regexp
}

// consoleSteps reads the console blocks of a page. A line that begins with "$ " is a command, lines that begin with "> "
// continue it, and what follows is its output. "..." stands for any text of a line, and alone on a line for any lines.
func consoleSteps(text string) []consoleStep {
	var steps []consoleStep
	inBlock := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "```console":
			inBlock = true
		case strings.HasPrefix(line, "```"):
			inBlock = false
		case !inBlock:
		case strings.HasPrefix(line, "$ "):
			steps = append(steps, consoleStep{command: line[2:]})
		case strings.HasPrefix(line, "> "), line == ">":
			steps[len(steps)-1].command += "\n" + strings.TrimPrefix(line[1:], " ")
		default:
			steps[len(steps)-1].output += line + "\n"
		}
	}
	for i := range steps {
		steps[i].expects = pattern(steps[i].output)
	}
	return steps
}

// pattern matches what a page says. Runs of blanks are equal, because columns are as wide as what stands in them.
func pattern(output string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`\A`)
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, " \n")
		if line == "..." {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		for i, part := range strings.Split(line, "...") {
			if i > 0 {
				b.WriteString(`.*`)
			}
			b.WriteString(regexp.MustCompile(` +`).ReplaceAllString(regexp.QuoteMeta(part), ` +`))
		}
		b.WriteString(` *\n`)
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

// A portMap gives each loopback address of a page a free port.
type portMap struct{ there, back map[string]string }

func newPortMap() *portMap { return &portMap{map[string]string{}, map[string]string{}} }

var loopback = regexp.MustCompile(`127\.0\.0\.1:\d+`)

func (p *portMap) replace(command string) (string, error) {
	var failed error
	out := loopback.ReplaceAllStringFunc(command, func(addr string) string {
		if free, known := p.there[addr]; known {
			return free
		}
		free, err := porttest.Addr()
		if err != nil {
			failed = err
			return addr
		}
		p.there[addr], p.back[free] = free, addr
		return free
	})
	return out, failed
}

func (p *portMap) restore(output string) string {
	return loopback.ReplaceAllStringFunc(output, func(addr string) string {
		if of, known := p.back[addr]; known {
			return of
		}
		return addr
	})
}

// A shell runs one command after the other, as somebody would who types them.
type shell struct {
	in  io.Writer
	out *bufio.Reader
}

const stepTimeout = 2 * time.Minute

func startShell(t *testing.T) *shell {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("bash", "--norc")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "HOME="+dir, "STATE_DIRECTORY=", "XDG_STATE_HOME=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // members that the page left running, too
		_ = cmd.Wait()                                      // killed
		_ = r.Close()
		if t.Failed() {
			showLogs(t, dir)
		}
	})
	return &shell{in: in, out: bufio.NewReader(r)}
}

// run returns what one command prints, with the last line that the pages use for an exit status that is not 0.
func (s *shell) run(t *testing.T, command string) string {
	t.Helper()
	const mark = "=end-of-step="
	if _, err := fmt.Fprintf(s.in, "%s\nprintf '\\n%s%%s\\n' \"$?\"\n", command, mark); err != nil {
		t.Fatal(err)
	}
	type result struct {
		text string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		var b strings.Builder
		for {
			line, err := s.out.ReadString('\n')
			if status, done := strings.CutPrefix(line, mark); done {
				text := strings.TrimSuffix(b.String(), "\n") // the one that printf begins with
				if status = strings.TrimSpace(status); status != "0" {
					text += "[exit status " + status + "]\n"
				}
				read <- result{text, nil}
				return
			}
			if b.WriteString(line); err != nil {
				read <- result{b.String(), err}
				return
			}
		}
	}()
	select {
	case r := <-read:
		if r.err != nil {
			t.Fatalf("$ %s\n%s\n%v", command, r.text, r.err)
		}
		return r.text
	case <-time.After(stepTimeout):
		t.Fatalf("$ %s\nhas not ended after %v", command, stepTimeout)
		return ""
	}
}

func showLogs(t *testing.T, dir string) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, file := range logs {
		text, _ := os.ReadFile(file)
		t.Logf("%s:\n%s", filepath.Base(file), text)
	}
}
