//go:build !unix

package timing

import "time"

func processor() time.Duration { return 0 }
