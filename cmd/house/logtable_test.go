package house

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Why a line cannot be written as often as a client likes. What clients cause
// directly goes through logSampled, which has no row here.
const (
	atStart    = "once, at the start or the end"
	byOperator = "for what an operator does"
	onChange   = "once for each change of a state that lasts"
	atDebug    = "at debug level alone"
	byDisk     = "for a file of the cache that is broken, once"
	byBudget   = "for a bounded number of lines a second"
	byPause    = "as often as it is tried again, with longer and longer pauses"
	byMinute   = "once a minute"
	byProcess  = "for each worker process that died, which takes longer than the line"
)

// logLines are all messages in the program, and why they are bounded.
var logLines = map[string]string{
	"purge log checkpoint cannot be written; further failures are not logged":              onChange,
	"disk cache of earlier runs cannot be invalidated: purges are refused until it can be": atStart,
	"purge log cannot be trusted: starting a new one, all disk cache entries are invalid":  atStart,
	"purge log cannot be compacted": byOperator,
	"purge log cannot be written: purges of the bus are kept in memory, and read again ": onChange,
	"purge bus does not respond: purges of other servers are not heard of":               onChange,
	"purge bus responds again": onChange,
	"fill leases: Redis does not respond, each server makes what it is asked for":                    onChange,
	"fill leases: Redis responds again":                                                              onChange,
	"cache bucket":                                                                                   atStart,
	"cache bucket does not work: it is left alone for a while":                                       onChange,
	"cache bucket: the store refuses If-None-Match, so servers replace each other's records; ":       onChange,
	"cache bucket works again":                                                                       onChange,
	"purging everything: ":                                                                           onChange,
	"purging everything: a message of the purge bus cannot be applied":                               byOperator,
	"disk cache record is corrupt: dropped":                                                          byDisk,
	"disk cache stopped responding: not used until the disk responds again":                          onChange,
	"too many records were dropped while the disk cache did not respond: all are dropped":            onChange,
	"disk cache responds again":                                                                      onChange,
	"disk cache cannot be written: will be retried":                                                  onChange,
	"disk cache can be written again":                                                                onChange,
	"part of the disk cache cannot be read":                                                          atStart,
	"job took more than its estimate beside spare memory: retrying once":                             atDebug,
	"worker crashed during a job: retrying once":                                                     byProcess,
	"memory limit is now too small: continuing with the smallest plan that works":                    onChange,
	"memory limit has changed and cannot be split: keeping the previous plan":                        onChange,
	"memory limit has changed and cannot be applied: keeping the previous plan":                      onChange,
	"memory plan changed":                                                                            onChange,
	"disk cache of ":                                                                                 atStart,
	"cache directory is in use by another process: running without a disk cache. ":                   atStart,
	"directory is in use by another process: waiting for it":                                         atStart,
	"memory cache is warm":                                                                           atStart,
	"list of what was in memory cannot be read: the memory cache starts empty":                       atStart,
	"list of what is in memory cannot be written: the next server starts with an empty memory cache": atStart,
	"directories cannot be handed over before the end":                                               atStart,
	"directories handed over to another server":                                                      atStart,
	"cache directory is in memory (tmpfs) and would use up the memory limit: ":                       atStart,
	"cache directory cannot be used: running without a disk cache":                                   atStart,
	"disk cache": atStart,
	"purge bus":  atStart,
	"purge log is in use by another process: running without it. ": atStart,
	"purge log cannot be used: running without it. ":               atStart,
	"not ready": atStart,
	"ready":     atStart,
	"formats are missing that need not be there": atStart,
	"not ready, trying again":                    atStart,
	"memory plan":                                atStart,
	"listening":                                  atStart,
	"worker failed to start again":               byPause,
	"worker killed because it did not begin: another one takes the job": byProcess,
	"worker sandbox is off":        atStart,
	"worker sandbox is incomplete": atStart,
	"worker sandbox is complete":   atStart,
	"SVG is not read because the sandbox is incomplete: --formats turns it on": atStart,
	"worker wrote to stderr":           byBudget,
	"shutdown cut short":               atStart,
	"shutting down: draining requests": atStart,
	"admin address is in use: running without /metrics, /purge, /warm, /sources, /reload and ": atStart,
	"settings reloaded":                          byOperator,
	"settings not reloaded: those in force stay": byOperator,
	"admin": atStart,
	"memory is short: reducing the cache and transform budgets":               onChange,
	"memory is no longer short: cache and transform budgets restored":         onChange,
	"budget is stuck: the server is not ready until some of it is given back": onChange,
	"budget moves again":   onChange,
	"job runs exclusively": atDebug,
	"filled":               atDebug,
	"not all formats could be made: the smallest of the others is served": atDebug,
	"taken from another server":                                         atDebug,
	"job of several results failed: each that is missing is made alone": atDebug,
	"traces cannot be sent":                                             byMinute,
	"traces are sent":                                                   atStart,
	"gain map dropped: the result is in SDR":                            atDebug,
	"purged":                                                            byOperator,
	"warming has ended":                                                 byOperator,

	"log of hidden sources is damaged: the sources there are unknown until they are added again": atStart,
	"log of hidden sources ended in the middle of a write: the rest of it is removed":            atStart,
	"log of hidden sources is in use by another process: running without them. ":                 atStart,
	"log of hidden sources cannot be used: running without them":                                 atStart,
	"hidden sources":            atStart,
	"hidden sources registered": byOperator,
}

// Each line that the program can write is either sampled or known to be bounded.
func TestEveryLogLineIsBounded(t *testing.T) {
	seen, sampled := map[string]bool{}, 0
	sources(t, func(path string, file *ast.File, fset *token.FileSet) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			levels := []string{"Debug", "Info", "Warn", "Error", "Log"}
			if !ok || !slices.Contains(levels, method.Sel.Name) || !isLogger(method.X) {
				return true
			}
			at := fset.Position(call.Pos())
			where := at.Filename + ":" + strconv.Itoa(at.Line)
			if filepath.Base(path) == "errorlog.go" {
				sampled++ // logSampled itself
				return true
			}
			if method.Sel.Name == "Log" || len(call.Args) == 0 {
				t.Errorf("%s: a level that is not known here", where)
				return true
			}
			msg, ok := message(call.Args[0])
			if !ok && slices.Contains([]string{"serve.go", "reload.go"}, filepath.Base(path)) {
				return true // the warnings about settings, at the start and by an operator's reload
			}
			seen[msg] = true
			switch why := logLines[msg]; {
			case why == "":
				t.Errorf("%s: %q has no row: sample it, or say why it is bounded", where, msg)
			case (why == atDebug) != (method.Sel.Name == "Debug"):
				t.Errorf("%s: %q is logged by %s, but %s", where, msg, method.Sel.Name, why)
			}
			return true
		})
	})
	for msg := range logLines {
		if !seen[msg] {
			t.Errorf("a row without a line: %q", msg)
		}
	}
	if sampled != 1 {
		t.Errorf("errorlog.go writes lines in %d places", sampled)
	}
}

// isLogger says whether an expression is a *slog.Logger, by its name.
func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "log"
	case *ast.SelectorExpr:
		return x.Sel.Name == "log" || x.Sel.Name == "Log"
	}
	return false
}

// message is the first literal of a message.
func message(x ast.Expr) (string, bool) {
	for {
		switch e := x.(type) {
		case *ast.BinaryExpr:
			x = e.X
		case *ast.BasicLit:
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		default:
			return "", false
		}
	}
}
