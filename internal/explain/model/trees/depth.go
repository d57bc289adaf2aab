package trees

// depth is how many splits the longest way from a tree's root to a leaf has. The tree has been checked: no way comes back to where it was.
func (t *Trees) depth(tr tree) int {
	type place struct {
		node  int32
		steps int
	}
	deepest := 0
	for todo := []place{{node: tr.from}}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n := &t.nodes[at.node]; n.feature >= 0 {
			todo = append(todo, place{n.left, at.steps + 1}, place{n.right, at.steps + 1})
		}
		deepest = max(deepest, at.steps)
	}
	return deepest
}
