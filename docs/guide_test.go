package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// TestEverySectionOfTheGuideIsAProgram compiles the code of each section, as somebody would who pastes its blocks.
func TestEverySectionOfTheGuideIsAProgram(t *testing.T) {
	text, err := os.ReadFile("guide-behaviours.md")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replaced := map[string]string{} // files that are there for the compiler only
	args := []string{"list", "-export", "-overlay", filepath.Join(dir, "overlay.json")}
	for i, section := range strings.Split(string(text), "\n## ") {
		var code strings.Builder
		for _, block := range goBlock.FindAllStringSubmatch(section, -1) {
			code.WriteString(block[1] + "\n")
		}
		if code.Len() == 0 {
			continue
		}
		if !strings.Contains(code.String(), "func main()") { // a test file
			code.WriteString("func main() {}\n")
		}
		pkg, file := fmt.Sprintf("guide%d", i), filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(file, []byte(code.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[filepath.Join(here, pkg, "main.go")] = file
		args = append(args, "./"+pkg)
	}
	if len(replaced) < 4 {
		t.Fatalf("only %d sections have code", len(replaced))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
