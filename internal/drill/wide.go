package drill

import "context"

func playWideRelease(ctx context.Context, p *play) error { return errDrill }
