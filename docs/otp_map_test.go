package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What OTP 27's modules export for users, their options, and what their callbacks may return.
var otp = map[string]string{
	"gen_server": `start/3 start_link/3 start_monitor/3 start/4 start_link/4 start_monitor/4 {local {global {via {timeout
		{debug {spawn_opt {hibernate_after call/2 call/3 cast/2 reply/2 multi_call/2,3,4 abcast/2,3 send_request/2
		send_request/4 receive_response wait_response check_response reqids_new reqids_add reqids_size reqids_to_list stop/1
		stop/3 enter_loop/3,4,5 init/1 handle_call/3 handle_cast/2 handle_info/2 handle_continue/2 terminate/2
		format_status/1,2 code_change/3 ignore {continue {stop {reply {noreply hibernate`,
	"gen_statem": `start/3,4 start_link/3,4 start_monitor/3,4 {debug call/2 call/3 {clean_timeout {dirty_timeout cast/2
		reply/1 reply/2 send_request receive_response wait_response check_response reqids_* stop/1 stop/3 enter_loop/4,5,6
		callback_mode/0 state_functions handle_event_function state_enter StateName/3 handle_event/4 init/1 terminate/3
		format_status/1,2 code_change/4 {call cast info internal timeout {timeout state_timeout enter {next_state
		{keep_state keep_state_and_data {repeat_state repeat_state_and_data stop {stop {stop_and_reply postpone {postpone
		{next_event {reply {state_timeout {abs cancel update hibernate change_callback_module push_callback_module
		pop_callback_module`,
	"supervisor": `strategy one_for_one one_for_all rest_for_one simple_one_for_one intensity period auto_shutdown never
		any_significant all_significant id start restart permanent transient temporary significant shutdown infinity
		brutal_kill type modules start_link/2,3 init/1 ignore start_child/2 restart_child/2 terminate_child/2 delete_child/2
		which_children/1 count_children/1 get_childspec/2 check_childspecs/1,2 get_callback_module/1`,
	"process": `spawn spawn_link spawn_monitor link/1 unlink/1 process_flag(trap_exit exit/1 exit(Pid normal shutdown killed
		noproc noconnection monitor(process demonitor/1 demonitor(Ref monitor_node register/2 unregister/1 whereis/1
		registered/0 erlang:send_after start_timer cancel_timer process_info/1,2 sys:get_status hibernate group_leader`,
}

func TestTheOTPMapHasEveryFunctionAndOption(t *testing.T) {
	sections := strings.Split(otpMap(t), "\n## ")
	for module, names := range otp {
		var text string
		for _, section := range sections {
			if strings.HasPrefix(section, module+"\n") {
				text = section
			}
		}
		for _, name := range strings.Fields(names) {
			if !strings.Contains(text, name) {
				t.Errorf("%s: %s is not in otp-map.md", module, name)
			}
		}
	}
}

func TestWhatTheOTPMapNamesExists(t *testing.T) {
	names := regexp.MustCompile("`(process|genserver|genstatem|supervisor)\\.([A-Z]\\w*)")
	known := map[string]map[string]bool{}
	for _, m := range names.FindAllStringSubmatch(otpMap(t), -1) {
		pkg, name := m[1], m[2]
		if known[pkg] == nil {
			known[pkg] = exported(t, filepath.Join("..", "behaviours", pkg))
		}
		if !known[pkg][name] {
			t.Errorf("there is no %s.%s", pkg, name)
		}
	}
	if len(known) != 4 {
		t.Errorf("it names only %d packages", len(known))
	}
}

// TestEachScenarioOfTheOTPMapIsShownByATest looks at the last column of the tables of scenarios.
func TestEachScenarioOfTheOTPMapIsShownByATest(t *testing.T) {
	tests, scripts := allTests(t)
	scenarios := 0
	inTable := false
	for line := range strings.Lines(otpMap(t)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "| scenario |"):
			inTable = true
		case !strings.HasPrefix(line, "|"):
			inTable = false
		case inTable && !strings.HasPrefix(line, "|---"):
			scenarios++
			cells := strings.Split(strings.Trim(line, "|"), "|")
			if shownBy := cells[len(cells)-1]; len(cells) != 4 || !quotedTest.MatchString(shownBy) && !quotedScript.MatchString(shownBy) {
				t.Errorf("no test shows this: %s", line)
			} else if missing := unknownTests(shownBy, tests, scripts); len(missing) > 0 {
				t.Errorf("there is no test %v: %s", missing, line)
			}
		}
	}
	if scenarios < 20 {
		t.Errorf("only %d scenarios are found", scenarios)
	}
}

func otpMap(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("otp-map.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exported are the names that a package declares at its top level.
func exported(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Recv == nil {
					out[decl.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						out[spec.Name.Name] = true
					case *ast.ValueSpec:
						for _, id := range spec.Names {
							out[id.Name] = true
						}
					}
				}
			}
		}
	}
	return out
}
