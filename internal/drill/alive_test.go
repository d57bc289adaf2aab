package drill

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// alive reports whether a process runs. A dead one that nobody has waited for yet is a zombie, and not alive.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true // no /proc here, or it has just ended: the next look tells
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}
