namespace banyan { struct Probe { Probe(int) {} }; }
