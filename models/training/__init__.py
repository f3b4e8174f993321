"""Training nets on color photos by the method of Zhang, Isola & Efros (ECCV 2016); nothing else imports this."""
